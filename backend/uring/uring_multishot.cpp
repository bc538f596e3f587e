// SPDX-License-Identifier: MIT
// Operations that the kernel repeats: what comes of them, and who gets it.
#include "backend/multishot.hpp"
#include "backend/uring/uring_backend.hpp"

#include <cerrno>
#include <span>
#include <utility>
#include <variant>

namespace motet {
namespace {

/// How much may wait for somebody to take it. The kernel goes on for a bit when it is
/// told that this is enough; then the peer has to wait, as with plain receives.
constexpr std::size_t enough = 8;

/// The kernel's own codes for "try again", in whatever words; and its answer when it was
/// told to stop.
bool nothing_came(std::int32_t result) noexcept {
  return result == -ECANCELED || result == -ENOBUFS || result == -EAGAIN ||
         result == -EINTR || (result <= -512 && result >= -516);
}

multishot& repeated_by(const operation& carrier) noexcept {
  return *std::get<next_request>(carrier.what).from;
}

}  // namespace

bool uring_backend::repeats(multishot_kind kind) noexcept {
  if (kind == multishot_kind::accept) return repeats_accept_;
  return repeats_receive_ && buffers_.usable();
}

void uring_backend::submit_next(operation& op, multishot& from) noexcept {
  from.withdrawn = false;
  from.ending = false;
  if (from.armed) return await(op, from);
  try {
    slots_.make_room();
  } catch (const std::bad_alloc&) {
    return hand_back(op, -ENOMEM);
  }
  arm(from);
  await(op, from);
  start(from.carrier.slot);
}

void uring_backend::await(operation& op, multishot& from) noexcept {
  ++awaiting_;
  from.awaiting = &op;
  op.slot = from.carrier.slot;
}

void uring_backend::submit_end(operation& op, multishot& of) noexcept {
  if (!of.armed) {
    own_what_came(of);
    return hand_back(op, 0);
  }
  of.ending = true;
  await(op, of);
  cancel(of.carrier);
}

/// Takes the place in the table that `make_room` has made sure of.
void uring_backend::arm(multishot& m) noexcept {
  slots_.take(m.carrier).repeats = true;
  m.armed = true;
  ++armed_;
}

void uring_backend::settle_arrival(std::uint32_t index,
                                   const io_uring_cqe& completion) noexcept {
  multishot& m = repeated_by(*slots_[index].op);
  std::int32_t result = completion.res;
  const bool holds = (completion.flags & IORING_CQE_F_BUFFER) != 0;
  std::byte* lent =
      holds ? buffers_.taken(completion.flags >> IORING_CQE_BUFFER_SHIFT) : nullptr;
  if (holds && result <= 0) buffers_.give_back(std::exchange(lent, nullptr));
  if ((completion.flags & IORING_CQE_F_MORE) == 0)
    return end_repeating(index, result, lent);
  bring(m, {result, lent});
  if (m.arrived.size() < enough || slots_[index].cancelled) return;
  slots_[index].cancelled = true;
  late_cancels_.push_back({time_point::min(), index, slots_[index].generation});
}

/// Gives it to who waits for it, or keeps it. Who waits is not looked at: with hundreds
/// of connections that would be a cache miss for each message.
void uring_backend::bring(multishot& m, arrival what) noexcept {
  if (m.awaiting == nullptr || m.ending) return m.arrived.push_back(what);
  m.lent = what.lent;
  hand_to_awaiting(m, what.result);
}

void uring_backend::hand_to_awaiting(multishot& m, std::int32_t result) noexcept {
  --awaiting_;
  hand_back(*std::exchange(m.awaiting, nullptr), result);
}

/// The kernel does not go on. It never says why it should not be asked again, except by
/// an error.
void uring_backend::end_repeating(std::uint32_t index, std::int32_t result,
                                  std::byte* lent) noexcept {
  multishot& m = repeated_by(*slots_[index].op);
  slots_.release(index);
  m.armed = false;
  --armed_;
  if (!nothing_came(result)) bring(m, {result, lent});
  if (m.awaiting == nullptr) return;
  if (m.ending) {
    own_what_came(m);
    hand_to_awaiting(m, 0);
  } else if (m.withdrawn) {
    hand_to_awaiting(m, -ECANCELED);
  } else if (result == -EAGAIN || (result == -ENOBUFS && !buffers_.replenish())) {
    // A non-blocking descriptor, or all buffers are lent: this one is waited for, and
    // then taken by a system call.
    operation& op = *std::exchange(m.awaiting, nullptr);
    --awaiting_;
    slots_.take(op).avoided = avoids_ = true;
    to_start_again_.push_back(op.slot);
  } else {
    arm(m);
    m.awaiting->slot = m.carrier.slot;
    to_start_again_.push_back(m.carrier.slot);
  }
}

/// Who leaves bytes behind may come back for them much later. No other connection is to
/// be short of buffers until then.
void uring_backend::own_what_came(multishot& m) noexcept {
  for (arrival& each : m.arrived) {
    if (!buffers_.owns(each.lent)) continue;
    const std::span bytes(each.lent, static_cast<std::size_t>(each.result));
    buffers_.give_back(std::exchange(each.lent, kept_copy(bytes)));
  }
}

void uring_backend::give_back(std::byte* lent) noexcept {
  if (buffers_.owns(lent)) return buffers_.give_back(lent);
  detail::free_surely(lent);
}

}  // namespace motet
