// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What goes on inside of `supervise`.
///
/// A supervisor has a place among the end-waiters of each of its fibers, and takes it
/// again after every end: it hears of all runs, whoever started them. Ends are noted in
/// the order in which they came; the supervising fiber deals with them one by one.

#include "lib/core/fiber_state.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/supervise.hpp>

#include <cstdint>
#include <exception>
#include <list>
#include <vector>

namespace motet::detail {

class supervisor {
 public:
  supervisor(scheduler& s, const supervision& how, call_site where) noexcept
      : s_(s), self_(s.running()), how_(how), where_(where) {}
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;
  ~supervisor();

  /// Throws if the fiber cannot be supervised by the running one.
  void check(const fiber_state& fiber) const;
  void take(fiber_state& fiber);
  /// Keeps requests to where a supervised fiber lives from it, if that is the supervisor.
  void shelter(fiber_state& fiber) const noexcept;
  /// Takes all that live in the open scopes of the running fiber, and those that come.
  void take_children();

  /// Until all are done.
  void run();

 private:
  struct child;
  template <class T>
  using sure_list = std::list<T, sure_allocator<T>>;
  using place = sure_list<child>::iterator;
  struct child : queue_waiter {
    supervisor* owner = nullptr;
    fiber_handle who;
    place at;                  ///< In `children_`.
    std::uint64_t number = 0;  ///< Grows along `children_`.
    bool kept = false;         ///< Made restartable by this supervisor.
    bool stopping = false;     ///< Asked to stop, by this supervisor.
    bool to_rerun = false;     ///< `reruns_` has an entry for it.
    unsigned unheard = 0;      ///< How many of its ends are in `ends_`.
  };
  struct run_end {
    child* who;
    ending how;
    bool by_us;
  };
  /// A restart to come, of this child and whom the strategy adds.
  struct rerun {
    time_point due;
    child* who;
    error_list answers;  ///< The errors that called for it.
  };
  struct trouble {
    time_point at;
    std::exception_ptr error;  ///< Null if it called for a restart all the same.
    bool counts;               ///< As a restart.
  };
  struct news_wait;

  void watch_for_newcomers(supervisor* who) noexcept;
  static void on_end(queue_waiter& w) noexcept;
  void note_end(child& c) noexcept;
  void wait();

  void watch();
  void hear(const run_end& end);
  void plan_rerun(const run_end& end);
  void report(const run_end& end);
  [[nodiscard]] bool all_ended() noexcept;
  [[nodiscard]] bool wants_rerun(const run_end& end);
  void keep(const run_end& end, bool counts);
  void check_intensity(const run_end& end);
  void run_again(const rerun& what);
  void check_repeatable(const run_end& end);
  [[noreturn]] void give_up(const run_end& end, std::exception_ptr error);
  void done_with(child& c);

  /// The first and the last of those who are run again with `c`.
  [[nodiscard]] child& first_with(child& c) noexcept;
  [[nodiscard]] child& last_with(child& c) noexcept;
  [[nodiscard]] bool to_be_rerun(const child& c) noexcept;
  void stop_those_with(child& c);
  void ask_to_stop(child& c);

  void leave();
  void shut_down();
  void hear_last() noexcept;
  void keep_unanswered(const error_list& errors);
  void release(child& c) noexcept;
  void give_back(child& c) noexcept;
  [[noreturn]] void throw_reason();

  scheduler& s_;
  fiber_state& self_;
  const supervision& how_;
  const call_site where_;
  std::uint64_t last_number_ = 0;
  sure_list<child> children_;      ///< In the order in which they are started.
  place alive_ = children_.end();  ///< One that had not ended when last looked for.
  sure_list<run_end> ends_;
  sure_list<rerun> reruns_;       ///< By time, as the back-off is always the same.
  sure_list<trouble> recent_;     ///< Not longer ago than `within`.
  std::size_t restarts_ = 0;      ///< How many of these count.
  news_wait* waiting_ = nullptr;  ///< For any of that.

  std::exception_ptr left_by_;
  bool unwound_ = false;  ///< `left_by_` is a `cancelled`.
  fiber_handle source_;   ///< In which it arose, when giving up.
  error_list behind_;     ///< The cause of giving up.
  error_list unheard_;
};

}  // namespace motet::detail
