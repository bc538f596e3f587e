// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The fiber itself: its control block, at the top of its stack.
///
/// From the top of a stack down: the control block, the body (result, callable,
/// arguments), the frames. A fiber that waits in a shallow frame takes one page.

#include "lib/context/context.hpp"
#include "lib/context/exception_state.hpp"
#include "lib/context/sanitizers.hpp"
#include "lib/context/stack.hpp"
#include "lib/core/remote_queue.hpp"
#include "lib/core/request.hpp"
#include "lib/core/waiter.hpp"

#include <motet/cancel.hpp>
#include <motet/detail/callable.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/detail/message.hpp>
#include <motet/detail/sure_allocator.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/spin.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/single_threaded.h>

namespace motet::detail {

/// What a stopped fiber's end means. The weakest request first: a stronger one replaces
/// it, among equals the first holds.
enum class disposition : std::uint8_t { none, restart, stop, move_on, cancel };

/// Whoever waits for an exception to be thrown.
struct thrower {
  void (*over)(thrower&) noexcept = nullptr;  ///< It was, or never will be.
  fiber_state* waits = nullptr;               ///< Null if it is of another thread.
};

/// An exception on its way into a fiber, thrown once.
struct edge {
  std::exception_ptr error{};
  fiber_handle child{};  ///< Whose error it is; null if somebody raised it.
  detail::thrower* thrower = nullptr;
  bool committed = false;  ///< An operation was aborted for it: it will be thrown.
};

using edge_list = std::list<edge, sure_allocator<edge>>;

/// A fiber that waits for a message: what it would take, and what it was given.
struct receive_waiter : waiter {
  std::span<const type_key> keys;
  message* given = nullptr;  ///< Its own; once there is one, the wait is not cut short.
};

/// Messages, oldest first.
struct mailbox {
  message* first = nullptr;
  wait_queue senders;  ///< Up to here it is looked at when the fiber ends.
  message* last = nullptr;
  std::size_t size = 0;
  std::size_t cap = 0;
  receive_waiter* receiver = nullptr;
  /// Whose mailbox it is in truth: the main fiber of the thread that this one stands for.
  fiber_state* deputy = nullptr;
  bool closed = false;  ///< What arrives is for the next run; this one gets nothing more.
};

/// An error that was thrown into this fiber from elsewhere, and what stood behind it.
struct known_error {
  std::exception_ptr error{};
  fiber_handle source{};
  error_list suppressed{};
  request_record* why = nullptr;
};

/// A `terminate` whose grace is running.
struct grace_timer : timer {
  fiber_state* fiber = nullptr;
  request_record* why = nullptr;
};

/// What a finalizer threw, and the scope whose boundary it is to be thrown at.
struct finalizer_error {
  const cancel_scope* boundary = nullptr;
  std::exception_ptr error;
};

/// Who is to fail if the fiber does.
struct link_to {
  fiber_handle linker;
  call_site where;
};

/// A stop token that was asked for while `node` was innermost.
struct owned_token {
  const cancel_scope* node = nullptr;
  std::stop_source source;
  bool requested = false;
};

/// The fiber's value of a fiber_local.
struct local_value {
  std::uint64_t key = 0;
  void* value = nullptr;
  void (*destroy)(void* value) noexcept = nullptr;
};

/// What few fibers have.
struct fiber_extras {
  std::string name;
  edge_list edges;        ///< Oldest first; thousands of children may fail at once.
  error_list suppressed;  ///< Errors that gave way to another.
  sure_vector<known_error> known;  ///< The last few.
  sure_vector<finalizer_error> finalizer_errors;
  std::vector<fiber_handle> monitors;
  std::vector<link_to> links;
  std::exception_ptr cancel_error;  ///< What `cancel` asked it to end with.
  fiber_handle error_source;        ///< Where the error it ended by arose.
  std::unique_ptr<grace_timer> grace;
  std::vector<local_value> locals;
  std::vector<owned_token> tokens;
  unsigned open_tokens = 0;  ///< How many of them were not requested.

  // No error is lost for want of memory.
  static void* operator new(std::size_t size) { return allocate_surely(size); }
  static void operator delete(void* block) noexcept { free_surely(block); }
};

/// What a fiber is doing; other threads may look.
class phase_cell {
 public:
  operator fiber_phase() const noexcept {  // NOLINT(google-explicit-constructor)
    return value_.load(std::memory_order_acquire);
  }
  phase_cell& operator=(fiber_phase now) noexcept {
    value_.store(now, std::memory_order_release);
    return *this;
  }

 private:
  std::atomic<fiber_phase> value_{fiber_phase::fresh};
};

struct alignas(64) fiber_state {
  // What every switch touches: one cache line.
  context registers{};
  exception_state exceptions{};
  waiter* waiting = nullptr;
  int saved_errno = 0;
  std::atomic<std::uint32_t> references{1};  // the runtime's own, until the end
  /// How many deadlines it may see. While there are any, `yield` reads the clock.
  std::uint32_t deadlines = 0;
  phase_cell phase;
  /// Some request may be deliverable: the next point has to look.
  bool attention = false;

  bool start_always = false;
  bool restartable = false;
  bool ending = false;  ///< The body is done; children are not.
  bool restart_pending = false;
  bool settled = false;     ///< How it ends is decided: too late to run again first.
  bool stopped = false;     ///< Ended by request, with neither value nor error.
  bool deadlocked = false;  ///< The wait under way can never end: throw that.
  bool to_disturb = false;  ///< In the scheduler's list of fibers to disturb.
  bool daemon = false;      ///< What it lives in does not wait for it, but stops it.
  bool bound = false;       ///< It uses what the call it lives in owns: it stays there.
  bool starting = false;    ///< Its `spin_ready` is under way, and gets its error.
  bool observed = false;    ///< As it ended, somebody was there to take its error.
  disposition asked = disposition::none;
  /// Whether a request was latched on the fiber itself; other threads may look.
  std::atomic<bool> requested{false};

  // What awaiters and handles look at, together: with thousands of fibers each line is a
  // cache miss.
  remote_queue* door = nullptr;  ///< Its scheduler's, which may have ended.
  std::uint64_t id = 0;
  const body_operations* operations = nullptr;
  void* body = nullptr;
  std::exception_ptr error;
  std::unique_ptr<fiber_extras> extras;
  stack_span stack;  ///< Null for a main fiber, which has the thread's own.
  request_record* reason = nullptr;  ///< Why it was asked to end, if it was.
  wait_queue end_waiters;
  cancel_scope root;

  scope_chain chain;
  fiber_state* previous_sibling = nullptr;
  fiber_state* next_sibling = nullptr;
  /// What the last `cancelled` of a point here was thrown for, and where: null once its
  /// scope is left. The next one for the same request means that this one was swallowed.
  const request_record* thrown = nullptr;

  mailbox box;
  supervisor* supervised_by = nullptr;  ///< Whose business its errors are.
  fiber_state* previous_to_disturb = nullptr;
  fiber_state* next_to_disturb = nullptr;
  call_site thrown_at;
  call_site spun_at;
  std::uint8_t swallowed = 0;     ///< How many in a row, from that place.
  bool told_of_skipping = false;  ///< That its mailbox is full of what it does not take.
  [[no_unique_address]] sanitizer_state sanitizer;

  fiber_state() = default;
  fiber_state(const fiber_state&) = delete;
  fiber_state& operator=(const fiber_state&) = delete;
  ~fiber_state() {
    if (owns_anything()) [[unlikely]] {
      let_go();
    }
  }

  /// Whether anything is destroyed with it, apart from its body.
  [[nodiscard]] bool owns_anything() const noexcept {
    return root.request != nullptr || reason != nullptr || extras || error;
  }
  void destroy_call() noexcept {
    if (operations->destroy_call != nullptr) operations->destroy_call(body);
  }
  void destroy_result() noexcept {
    if (operations->destroy_result != nullptr) operations->destroy_result(body);
  }

  [[nodiscard]] fiber_extras& more() noexcept {
    if (!extras) extras = std::make_unique<fiber_extras>();
    return *extras;
  }
  [[nodiscard]] bool has_edges() const noexcept {
    return extras != nullptr && !extras->edges.empty();
  }
  [[nodiscard]] bool is_main() const noexcept { return operations == nullptr; }

  /// The only place that throws `cancelled`, at the point `where`. Inlined, as every
  /// frame between a throw and its handler costs some 300 ns.
  [[noreturn, gnu::always_inline]] void throw_cancelled(request_record& why,
                                                        call_site where) {
    thrown = &why;
    thrown_at = where;
    throw cancelled(why);
  }

 private:
  /// Of requests and of what few fibers have, at its end.
  void let_go() noexcept;
};

/// Counts one reference more. While the process has one thread, that takes no locked
/// operation, which would cost more than the rest of the making of a fiber.
inline void count_one(fiber_state& fiber) noexcept {
  auto& count = fiber.references;
  if (__libc_single_threaded) {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    count.fetch_add(1, std::memory_order_relaxed);
  }
}
/// Counts one less. @returns whether it was the last.
[[nodiscard]] inline bool drop_one(fiber_state& fiber) noexcept {
  auto& count = fiber.references;
  if (!__libc_single_threaded) return count.fetch_sub(1, std::memory_order_acq_rel) == 1;
  const std::uint32_t left = count.load(std::memory_order_relaxed) - 1;
  count.store(left, std::memory_order_relaxed);
  return left == 0;
}

/// The fiber's name for people: as given, or "main", or "fiber 7".
[[nodiscard]] std::string name_of(const fiber_state& fiber);

inline void append(fiber_list& list, fiber_state& fiber) noexcept {
  fiber.previous_sibling = list.last;
  fiber.next_sibling = nullptr;
  (list.last != nullptr ? list.last->next_sibling : list.first) = &fiber;
  list.last = &fiber;
}

inline void remove(fiber_list& list, fiber_state& fiber) noexcept {
  (fiber.previous_sibling != nullptr ? fiber.previous_sibling->next_sibling
                                     : list.first) = fiber.next_sibling;
  (fiber.next_sibling != nullptr ? fiber.next_sibling->previous_sibling : list.last) =
      fiber.previous_sibling;
}

}  // namespace motet::detail
