// SPDX-License-Identifier: MIT
#include "backend/uring/uring_backend.hpp"

#include "backend/posix/attempt.hpp"
#include "backend/posix/calls.hpp"
#include "backend/posix/read_write.hpp"
#include "backend/posix/requests.hpp"
#include "backend/uring/fatal.hpp"
#include "backend/uring/prepare.hpp"
#include "backend/uring/probe.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace motet {
namespace {

/// With deferred work the kernel only posts completions when entered, and its flag that
/// says so is a hint.
constexpr unsigned polls_between_entries = 16;

/// What a thread of the kernel's does, if not always.
opcode_set changes_to_files() noexcept {
  opcode_set all;
  for (const io_uring_op each :
       {IORING_OP_WRITE, IORING_OP_WRITEV, IORING_OP_FSYNC, op_ftruncate})
    all.add(each);
  return all;
}

void check(int entered) noexcept {
  if (entered >= 0) return;
  switch (-entered) {
    case EINTR:
    case EAGAIN:
    case EBUSY:
    case ETIME:
      return;
    case EEXIST:
      fatal("used on a thread that did not make it, or after fork", EEXIST);
    case EBADR:
      fatal("out of memory, the kernel has lost a completion", EBADR);
    case EPERM:
    case EACCES:
    case ENOSYS:
      fatal("forbidden now, though not when the program began to run", -entered);
    default:
      fatal("io_uring_enter", -entered);
  }
}

}  // namespace

uring_backend::uring_backend(const uring_options& options)
    : ring_(options.queues),
      to_avoid_(options.without + opcodes_missing(ring_)),
      avoided_(requests_made_of(to_avoid_)),
      followed_(requests_made_of(changes_to_files())),
      repeats_accept_(!to_avoid_.contains(IORING_OP_ACCEPT) &&
                      motet::repeats(ring_, multishot_kind::accept)),
      repeats_receive_(!to_avoid_.contains(IORING_OP_RECV) &&
                       motet::repeats(ring_, multishot_kind::receive)),
      door_(!to_avoid_.contains(IORING_OP_READ)) {}

uring_backend::~uring_backend() {
  if (in_flight() != 0) fatal("destroyed with operations in flight");
  // The ring's end is asynchronous: the kernel must have let go of all that is ours.
  wake();
  while (door_.listening()) {
    check(ring_.submit_and_wait(nullptr));
    reap();
  }
}

void uring_backend::submit(operation& op) noexcept {
  op.result = 0;  // Counts the bytes that have moved.
  const auto* const next = std::get_if<next_request>(&op.what);
  if (next != nullptr && repeats(next->kind)) return submit_next(op, *next->from);
  if (const auto* end = std::get_if<end_request>(&op.what))
    return submit_end(op, *end->of);
  try {
    slots_.make_room();
  } catch (const std::bad_alloc&) {
    return hand_back(op, -ENOMEM);
  }
  slot_table::slot& slot = slots_.take(op);
  const bool avoided = next != nullptr || (avoided_ >> op.what.index() & 1) != 0;
  if (avoided || better_attempted(op.what)) [[unlikely]] {
    slot.avoided = avoids_ = true;
    // What was asked for before comes first: a cancel of what this would complete.
    flush();
    return attempt_or_wait(op.slot);
  }
  slot.partial = bytes_to_move(op.what) != 0;
  start(op.slot);
}

/// For a request that is avoided: tries it, or asks when it is worth trying again, or has
/// it done elsewhere.
void uring_backend::attempt_or_wait(std::uint32_t index) noexcept {
  slot_table::slot& slot = slots_[index];
  if (on_disk(slot.op->what) && helpers_.start(*slot.op)) {
    slot.helped = true;
    return;
  }
  if (const auto result = attempt(*slot.op)) return finish(index, *result);
  slot.awaits_readiness = true;
  start(index);
}

void uring_backend::start(std::uint32_t index) noexcept {
  if (is_followed(slots_[index])) [[unlikely]]
    return start_and_follow(index);
  io_uring_sqe& sqe = entry();
  const slot_table::slot& slot = slots_[index];
  if (slot.awaits_readiness) {
    prepare_readiness(*slot.op, sqe);
  } else {
    prepare(*slot.op, sqe);
  }
  sqe.user_data = ticket{ticket::kind::operation, index, slot.generation}.to_user_data();
}

/// Two entries that belong together need a queue of two.
bool uring_backend::is_followed(const slot_table::slot& slot) const noexcept {
  const bool changes_a_file = (followed_ >> slot.op->what.index() & 1) != 0;
  return changes_a_file && !slot.awaits_readiness && ring_.capacity() > 1;
}

/// A program that was written cannot be executed, and a lock is not given away, as long
/// as the kernel has the file open, whatever close(2) has said. Its thread lets go of
/// the file after the completion, and starts what is linked to it after that (as seen on
/// Linux 6.18: test/kernel/closed_file_test.cpp).
void uring_backend::start_and_follow(std::uint32_t index) noexcept {
  // A link does not reach into the next submission.
  if (ring_.unsubmitted() + 2 > ring_.capacity()) flush();
  slot_table::slot& slot = slots_[index];
  slot.halves = 2;
  io_uring_sqe& first = entry();
  prepare(*slot.op, first);
  first.flags |= IOSQE_IO_HARDLINK;
  first.user_data =
      ticket{ticket::kind::operation, index, slot.generation}.to_user_data();
  io_uring_sqe& second = entry();
  io_uring_prep_nop(&second);
  second.user_data = ticket{ticket::kind::release, index, slot.generation}.to_user_data();
}

void uring_backend::start_again(std::uint32_t index) noexcept {
  const slot_table::slot& slot = slots_[index];
  if (slot.cancelled && slot.repeats) return end_repeating(index, -ECANCELED, nullptr);
  if (slot.cancelled) return finish(index, result_of_cancelled(*slot.op));
  slot.avoided ? attempt_or_wait(index) : start(index);
}

void uring_backend::cancel(operation& op) noexcept {
  if (op.slot == no_slot) return;
  slot_table::slot& slot = slots_[op.slot];
  if (slot.repeats && slot.op != &op)
    std::get<next_request>(op.what).from->withdrawn = true;
  if (slot.cancelled) return;
  slot.cancelled = true;
  slot.tries = 0;
  if (!slot.helped) return send_cancel(op.slot, slot.generation);
  if (helpers_.withdraw(op)) finish(op.slot, -ECANCELED);
}

void uring_backend::send_cancel(std::uint32_t index, std::uint32_t generation) noexcept {
  const ticket target{ticket::kind::operation, index, generation};
  io_uring_sqe& sqe = entry();
  io_uring_prep_cancel64(&sqe, target.to_user_data(), 0);
  // Only a cancel that fails has something to tell.
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe.user_data = ticket{ticket::kind::cancel, index, generation}.to_user_data();
}

io_uring_sqe& uring_backend::entry() noexcept {
  for (;;) {
    if (io_uring_sqe* const free = ring_.next_entry()) [[likely]]
      return *free;
    flush();
  }
}

/// Hands over every entry. May reap: what completes waits for the next `poll`.
void uring_backend::flush() noexcept {
  while (ring_.unsubmitted() != 0) {
    const int entered = ring_.submit();
    check(entered);
    if (entered >= 0 || entered == -EINTR) continue;
    // The kernel is short of memory, or of room for completions: give it both.
    check(ring_.submit_and_collect());
    reap();
    if (entered == -EAGAIN) ::sched_yield();
  }
}

operation* uring_backend::poll(time_point until) noexcept {
  send_leftovers();
  const bool something = first_done_ != nullptr || ring_.completions_ready() != 0 ||
                         awake_ || !to_start_again_.empty();
  if (something || until == time_point::min()) {
    enter_without_waiting();
  } else {
    enter_and_wait(until);
  }
  reap();
  if (awake_) take_helped();
  awake_ = false;
  done_ = 0;
  last_done_ = &first_done_;
  return std::exchange(first_done_, nullptr);
}

/// A thread that has done something has called `wake`.
void uring_backend::take_helped() noexcept {
  for (operation* op = helpers_.take_finished(); op != nullptr;) {
    operation* const next = op->next;
    finish(op->slot, op->result);
    op = next;
  }
}

void uring_backend::enter_without_waiting() noexcept {
  const bool needed = ring_.unsubmitted() != 0 || ring_.kernel_has_more();
  if (!needed && ++idle_polls_ < polls_between_entries) return;
  idle_polls_ = 0;
  check(ring_.submit_and_collect());
}

void uring_backend::enter_and_wait(time_point until) noexcept {
  idle_polls_ = 0;
  for (const late_cancel& late : late_cancels_)
    until = std::min(until, late.due);
  if (until == time_point::max()) return check(ring_.submit_and_wait(nullptr));
  const duration left = until - now();
  if (left <= duration::zero()) return check(ring_.submit_and_collect());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const __kernel_timespec limit{seconds.count(), (left - seconds).count()};
  check(ring_.submit_and_wait(&limit));
}

/// Everything that completions have left to do. It is not done while reaping, where the
/// queue must not be flushed.
void uring_backend::send_leftovers() noexcept {
  if (!door_.listening()) [[unlikely]] {
    io_uring_sqe& sqe = entry();
    door_.listen(sqe);
    sqe.user_data = ticket{ticket::kind::wake}.to_user_data();
  }
  if (!to_start_again_.empty()) [[unlikely]] {
    for (const std::uint32_t index : std::exchange(to_start_again_, {}))
      start_again(index);
  }
  if (!late_cancels_.empty()) [[unlikely]]
    send_late_cancels(now());
}

void uring_backend::send_late_cancels(time_point today) noexcept {
  for (const late_cancel& late : std::exchange(late_cancels_, {})) {
    if (slots_.find(late.slot, late.generation) == nullptr) continue;
    if (late.due > today) {
      late_cancels_.push_back(late);
    } else {
      send_cancel(late.slot, late.generation);
    }
  }
}

std::int32_t uring_backend::answer(const call& question) noexcept {
  if (const auto* ask = std::get_if<close_call>(&question)) {
    helpers_.let_close(ask->fd);
    if (avoids_) [[unlikely]]
      keep_open_for_avoided(ask->fd);
    if (!to_start_again_.empty()) send_leftovers();
    // An entry names a number. Left behind, it would mean the number's next user.
    if (ring_.holds_entry_for(ask->fd)) flush();
  }
  return answer_by_system_call(question);
}

/// A poll in the ring keeps its file, but what is tried afterwards names a number, which
/// is somebody else's soon. A second descriptor is nobody else's.
void uring_backend::keep_open_for_avoided(int fd) noexcept {
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    slot_table::slot& slot = slots_[index];
    if (slot.op == nullptr || !slot.avoided || slot.helped) continue;
    if (awaited_by(slot.op->what).fd != fd) continue;
    const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    slot.keeps_open = own >= 0;
    // Without one, the next attempt tells that the descriptor is closed.
    std::visit([&](auto& ask) { ask.fd = own; }, slot.op->what);
  }
}

time_point uring_backend::now() const noexcept {
  return time_point(std::chrono::steady_clock::now().time_since_epoch());
}

std::unique_ptr<backend> make_uring_backend(const uring_options& options) {
  return std::make_unique<uring_backend>(options);
}

}  // namespace motet
