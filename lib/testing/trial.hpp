// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// One run of a function that is cancelled at one of its points.

#include "lib/testing/between_turns.hpp"
#include "lib/testing/containment.hpp"

#include <motet/cancel_everywhere.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/run.hpp>
#include <motet/timeout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace motet::testing {

enum class moment : std::uint8_t {
  before,  ///< The operation has not started.
  during,  ///< It has, and the fiber is parked.
  late,    ///< It is over, and the fiber has not run since.
  timed,   ///< While it is parked, and in the same turn a deadline around all comes.
  twice,   ///< Before it or during it, and once more a moment later.
};
inline constexpr std::array all_moments{moment::before, moment::during, moment::late,
                                        moment::timed, moment::twice};

enum class target : std::uint8_t { all, fiber };

/// Where a run is cancelled; point 0 is nowhere.
struct injection {
  std::size_t point = 0;
  moment when = moment::before;
  target whom = target::all;
  std::size_t again = 0;  ///< All of it, so many points later; 0: not.
};

/// What is known of a point from the run without cancellation.
struct site {
  std::string fiber;
  std::string what;  ///< Empty if it did not wait.
  bool outermost = false;

  /// Whether it makes sense to cancel there in this way.
  [[nodiscard]] bool has(moment when) const noexcept;
};
[[nodiscard]] std::string describe(std::size_t number, const site& s);
/// How, and whom.
[[nodiscard]] std::string describe(const injection& where, const site& s);

/// The course that runs take until they are cancelled.
struct route {
  std::vector<site> sites;
  std::vector<std::string> errors;  ///< As `identity_of` in trial.cpp has them.
  backend_kind kernel = backend_kind::sim;
};

/// Blocks the thread.
class trial {
 public:
  trial(const cancel_everywhere_options& options, motet::detail::function_ref<void()> f,
        route& known, injection where)
      : options_(options), f_(f), known_(known), where_(where) {}
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;
  ~trial() = default;

  /// @returns what was wrong.
  std::vector<std::string> run();
  /// Whether the point was reached, in the fiber where it was at first. On a simulated
  /// backend it has to be; a kernel may take another course.
  [[nodiscard]] bool hit() const noexcept { return delivered_ != 0; }
  /// Whether the second point was reached.
  [[nodiscard]] bool hit_again() const noexcept { return delivered_ > 1; }

 private:
  [[nodiscard]] bool recording() const noexcept { return where_.point == 0; }
  [[nodiscard]] bool simulated() const noexcept {
    return known_.kernel == backend_kind::sim;
  }
  void run_in_main();
  void run_body();
  void reach(motet::detail::fiber_state& at) noexcept;
  void take_turn() noexcept;
  void end_turn() noexcept;
  void deliver(target whom) noexcept;
  [[nodiscard]] bool may_come(const std::exception_ptr& error) const;
  void hear_of(const std::exception_ptr& error, const char* how);

  /// Runs without cancellation that reach more are taken for endless; others may reach
  /// some more than that did.
  static constexpr std::size_t most_points = 200'000;
  [[nodiscard]] std::size_t limit() const noexcept {
    return recording() ? most_points : 10 * known_.sites.size() + 1'000;
  }

  const cancel_everywhere_options& options_;
  motet::detail::function_ref<void()> f_;
  route& known_;
  const injection where_;
  /// A turn of the scheduler after a point: the fiber has parked by then.
  between_turns turn_{[this] { take_turn(); }};
  containment contained_{
      [this](const std::exception_ptr& error, const char* how) { hear_of(error, how); }};
  timeout* clock_ = nullptr;  ///< Around all of it, for a deadline.
  fiber_ref at_;              ///< The fiber that reached the last point.
  fiber_ref victim_;          ///< The one that reached the point to be cancelled at.
  std::size_t reached_ = 0;
  bool armed_ = false;  ///< To be cancelled at the next turn.
  bool late_ = false;   ///< To be cancelled when the victim can run again.
  int echo_ = 0;        ///< So many turns until it is cancelled once more.
  std::size_t delivered_ = 0;
  bool endless_ = false;
};

}  // namespace motet::testing
