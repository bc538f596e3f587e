// SPDX-License-Identifier: MIT
// What completions mean: which operation is over, and which goes on.
#include "backend/posix/attempt.hpp"
#include "backend/posix/read_write.hpp"
#include "backend/posix/requests.hpp"
#include "backend/uring/fatal.hpp"
#include "backend/uring/uring_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include <sys/socket.h>
#include <unistd.h>

namespace motet {
namespace {

/// Completions taken per `poll`, so that a flood does not keep fibers from running.
constexpr unsigned most_per_pass = 1024;

constexpr std::uint8_t most_tries = 128;
constexpr int most_cancels = 24;

/// The kernel's own codes for "interrupted, start again", which should not reach users,
/// and do.
bool interrupted(std::int32_t result) noexcept {
  return result == -EINTR || (result <= -512 && result >= -516);
}

/// No result, but a reason to try again.
bool premature(std::int32_t result) noexcept {
  return interrupted(result) || result == -EAGAIN || result == -EINPROGRESS;
}

/// What an operation that was asked to end came back with, in the words of the seam.
std::int32_t result_after_cancel(std::int32_t result) noexcept {
  return premature(result) ? -ECANCELED : result;
}

duration delay_of(int tries) noexcept {
  return std::min<duration>(1ms * (1 << std::min(tries, 7)), 100ms);
}

}  // namespace

void uring_backend::reap() noexcept {
  // A snapshot: without deferred work, the kernel adds completions while we look.
  const unsigned count = std::min(ring_.completions_ready(), most_per_pass);
  for (unsigned i = 0; i < count; ++i)
    settle(ring_.completion(i));
  if (count != 0) ring_.release_completions(count);
}

void uring_backend::settle(const io_uring_cqe& completion) noexcept {
  const ticket of = ticket::from_user_data(completion.user_data);
  switch (of.what) {
    case ticket::kind::operation:
      return settle_operation(of, completion);
    case ticket::kind::cancel:
      return settle_cancel(of, completion.res);
    case ticket::kind::release:
      return settle_half(of.slot);
    case ticket::kind::wake:
      awake_ = true;
      return door_.settle();
  }
  fatal("a completion of nothing that was submitted");
}

void uring_backend::settle_operation(const ticket& of,
                                     const io_uring_cqe& completion) noexcept {
  slot_table::slot* const slot = slots_.find(of.slot, of.generation);
  if (slot == nullptr) fatal("a second completion of one operation");
  if (slot->repeats) return settle_arrival(of.slot, completion);
  if (slot->halves == 0) [[likely]]
    return settle_result(of.slot, completion.res);
  slot->op->result = completion.res;
  settle_half(of.slot);
}

/// Without memory the kernel breaks links; so either half may come first.
void uring_backend::settle_half(std::uint32_t index) noexcept {
  slot_table::slot& slot = slots_[index];
  if (--slot.halves == 0) settle_result(index, std::exchange(slot.op->result, 0));
}

void uring_backend::settle_result(std::uint32_t index, std::int32_t result) noexcept {
  const slot_table::slot& slot = slots_[index];
  const bool plain = result >= 0 && !slot.partial && !slot.awaits_readiness;
  if (!plain && continues(index, result)) return;
  finish(index, result);
}

void uring_backend::finish(std::uint32_t index, std::int32_t result) noexcept {
  operation& op = *slots_[index].op;
  if (slots_[index].keeps_open) [[unlikely]]
    ::close(awaited_by(op.what).fd);
  slots_.release(index);
  hand_back(op, result);
}

void uring_backend::hand_back(operation& op, std::int32_t result) noexcept {
  ++done_;
  op.result = result;
  op.slot = no_slot;
  op.next = nullptr;
  *last_done_ = &op;
  last_done_ = &op.next;
}

/// Whether the operation goes on after `result`, which otherwise becomes its final one.
bool uring_backend::continues(std::uint32_t index, std::int32_t& result) noexcept {
  slot_table::slot& slot = slots_[index];
  operation& op = *slot.op;
  if (slot.cancelled && result < 0) {
    result = op.result > 0 ? op.result : result_after_cancel(result);
    return false;
  }
  if (slot.awaits_readiness) return continues_after_readiness(index, result);
  if (premature(result) && try_again(index, result)) return true;
  if (!slot.partial) return false;
  const bool moved = result > 0;
  if (moved) op.result += result;
  if (op.result > 0) result = op.result;
  const bool short_of = static_cast<std::size_t>(op.result) < bytes_to_move(op.what);
  // The kernel may stop half-way. What stopped it shows when the rest is asked for.
  if (!moved || !short_of || slot.cancelled) return false;
  to_start_again_.push_back(index);
  return true;
}

bool uring_backend::continues_after_readiness(std::uint32_t index,
                                              std::int32_t& result) noexcept {
  slot_table::slot& slot = slots_[index];
  slot.awaits_readiness = false;
  if (result < 0) return false;
  if (slot.cancelled) {
    result = result_of_cancelled(*slot.op);
    return false;
  }
  if (slot.avoided) {
    const auto outcome = attempt(*slot.op);
    if (!outcome) to_start_again_.push_back(index);
    result = outcome.value_or(result);
    return !outcome;
  }
  if (const auto* ask = std::get_if<connect_request>(&slot.op->what)) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(ask->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    result = -error;
    return false;
  }
  to_start_again_.push_back(index);
  return true;
}

/// Starts the operation again, unless that seems to lead nowhere.
bool uring_backend::try_again(std::uint32_t index, std::int32_t why) noexcept {
  slot_table::slot& slot = slots_[index];
  const bool connecting = std::holds_alternative<connect_request>(slot.op->what);
  // A Unix socket that is told so has not begun to connect, and never looks ready.
  if (connecting && why == -EAGAIN) return false;
  if (!interrupted(why) && always_on_disk(slot.op->what)) return false;
  if (++slot.tries > most_tries) return false;
  // Usually the kernel parks what cannot be done at once. Some refuse when the descriptor
  // is non-blocking, and have to be asked when it is ready. Connecting never
  // starts twice.
  slot.awaits_readiness = connecting || !interrupted(why);
  to_start_again_.push_back(index);
  return true;
}

/// The result of a cancel is advice: the operation's own completion decides. But one that
/// was between two queues has not been found, and would wait for ever.
void uring_backend::settle_cancel(const ticket& of, std::int32_t result) noexcept {
  if (result != -ENOENT && result != -EALREADY) return;
  slot_table::slot* const slot = slots_.find(of.slot, of.generation);
  if (slot == nullptr || slot->tries == most_cancels) return;
  const time_point due = now() + delay_of(slot->tries++);
  late_cancels_.push_back({due, of.slot, of.generation});
}

}  // namespace motet
