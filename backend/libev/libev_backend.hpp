// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Operations over libev.
///
/// What can be done at once is done in `submit`; the rest waits until libev says that its
/// descriptor is ready, and is then tried in `poll`. So the kernel never holds a buffer,
/// and a cancel is immediate. Files, which are always ready and never in a hurry, are for
/// threads.

#include "backend/backend.hpp"
#include "backend/libev/bell.hpp"
#include "backend/libev/deadline.hpp"
#include "backend/libev/event_loop.hpp"
#include "backend/libev/interest.hpp"
#include "backend/libev/poll_set.hpp"
#include "backend/posix/helper_threads.hpp"
#include "backend/posix/operation_list.hpp"
#include "backend/posix/requests.hpp"
#include "backend/posix/spare_blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

struct ev_loop;

namespace motet {

/// Same thread only, the one that made it; except `wake`. To be destroyed with nothing
/// in flight. Not to be used by a child of `fork`: the set of watched descriptors is the
/// parent's, too.
class libev_backend : public backend {
 public:
  /// On a loop of its own, unless one is `lent`. Throws `std::system_error` that says
  /// what was refused.
  explicit libev_backend(struct ev_loop* lent);
  libev_backend(const libev_backend&) = delete;
  libev_backend& operator=(const libev_backend&) = delete;
  ~libev_backend() override;

  void submit(operation& op) noexcept override;
  void cancel(operation& op) noexcept override;
  [[nodiscard]] operation* poll(time_point until) noexcept override;
  void give_back(std::byte* lent) noexcept override { blocks_.keep(lent); }
  void wake() noexcept override { bell_.ring(); }
  [[nodiscard]] std::int32_t answer(const call& question) noexcept override;
  [[nodiscard]] time_point now() const noexcept override;
  [[nodiscard]] bool calls_others() const noexcept override { return loop_.lent(); }
  [[nodiscard]] std::size_t in_flight() const noexcept override { return in_flight_; }
  [[nodiscard]] const char* name() const noexcept override { return "libev"; }

 private:
  static void on_ready(struct ev_loop*, ev_io* watcher, int events) noexcept;
  static void on_polled(struct ev_loop*, ev_io* watcher, int) noexcept;

  void look(time_point until) noexcept;
  void serve_ready(std::size_t most) noexcept;
  void take_helped() noexcept;

  void finish(operation& op, std::int32_t result) noexcept;
  void wait(operation& op, readiness awaited) noexcept;
  void wait_for_readiness(operation& op, interest& at, short events) noexcept;
  void attempt_waiting(direction& ready) noexcept;
  void attempt_all_polls() noexcept;
  void attempt_polls(int fd) noexcept;

  void fail_waiting(interest& at, std::int32_t result) noexcept;
  void fail_all(operation_list& waiting, std::int32_t result) noexcept;
  void keep_open_for_waiting(int fd, interest& at) noexcept;
  void let_go_if_kept(int fd, interest& at) noexcept;
  void forget(interest& at) noexcept;
  void start_over(int fd) noexcept;

  event_loop loop_;
  bell bell_;
  deadline deadline_;
  poll_set polls_;
  ev_io polls_watcher_{};
  bool polls_ready_ = false;
  interest_table interests_;
  direction* latest_ready_ = nullptr;
  spare_blocks blocks_;
  helper_threads helpers_{*this};

  operation_list done_;
  std::size_t done_count_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t polls_since_look_ = 0;
  bool waits_ = false;  ///< In the look that is under way.
};

/// @param lent the user's loop, to run in; null for one of the backend's own.
[[nodiscard]] std::unique_ptr<backend> make_libev_backend(struct ev_loop* lent = nullptr);

}  // namespace motet
