// SPDX-License-Identifier: MIT
#include "lib/io/intake.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/forked.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace motet::detail {

namespace {

void give_back(std::byte* block) noexcept {
  if (block == nullptr) return;
  if (this_scheduler != nullptr) {
    this_scheduler->kernel().give_back(block);
  } else {
    free_surely(block);  // what outlives a backend is not of its own
  }
}

/// The intake of `from`, unless it has come to its end.
intake* intake_left(descriptor& from) noexcept {
  intake* const ahead = from.ahead();
  if (ahead == nullptr || !ahead->over()) return ahead;
  from.set_ahead(nullptr);
  ahead->let_go();
  return nullptr;
}

}  // namespace

intake::~intake() {
  give_back(rest_.block);
  give_back(from_.lent);
  for (const arrival& each : from_.arrived) {
    give_back(each.lent);
    const bool connection = from_.kind == multishot_kind::accept && each.result >= 0;
    if (connection) ask_kernel(close_call{each.result});
  }
}

intake::item intake::next(const char* what, io_wait*& slot, call_site where) {
  if (rest_.result > 0 || !from_.arrived.empty()) enter_point(here(what), where);
  if (rest_.result > 0) return std::exchange(rest_, {});
  arrival came;
  if (from_.arrived.empty()) {
    came.result = perform(next_request{fd_, from_.kind, &from_}, what, slot, where);
    came.lent = std::exchange(from_.lent, nullptr);
  } else {
    came = from_.arrived.front();
    from_.arrived.erase(from_.arrived.begin());
  }
  if (came.lent == nullptr) return {came.result, nullptr, {}};
  return {came.result, came.lent, {came.lent, static_cast<std::size_t>(came.result)}};
}

std::int32_t intake::receive(std::span<std::byte> into, io_wait*& slot, call_site where) {
  item came = next("bytes to read", slot, where);
  if (came.result <= 0) return came.result;
  const std::size_t size = std::min(into.size(), came.bytes.size());
  std::ranges::copy(came.bytes.first(size), into.begin());
  came.bytes = came.bytes.subspan(size);
  came.result = static_cast<std::int32_t>(came.bytes.size());
  if (came.result > 0) {
    rest_ = came;
  } else {
    give_back(came.block);
  }
  return static_cast<std::int32_t>(size);
}

void intake::let_go() noexcept {
  if (--holders_ == 0) delete this;
}

void intake::leave_loop() noexcept {
  if (--loops_ != 0 || in_forked_child) return;
  if (!from_.armed && from_.arrived.empty()) return;
  scheduler& s = *this_scheduler;
  io_wait how(end_request{fd_, &from_});
  how.what = "the system to let go";
  how.op.waiter = &s.running();
  s.kernel().submit(how.op);
  s.park(how);
}

void intake::pause() noexcept {
  if (from_.armed && !in_forked_child) this_scheduler->kernel().cancel(from_.carrier);
}

intake_loop::intake_loop(descriptor& from, multishot_kind kind)
    : from_(from),
      intake_(from.ahead() != nullptr ? *from.ahead() : *new intake(kind, from.fd())) {
  if (from.ahead() == nullptr && from.fd() >= 0) {
    intake_.hold();
    from.set_ahead(&intake_);
  }
  intake_.hold();
  intake_.join_loop();
}

intake_loop::~intake_loop() {
  give_back(block_);
  intake_.leave_loop();
  intake_.let_go();
}

std::span<const std::byte> intake_loop::next_bytes(std::int32_t& result,
                                                   call_site where) {
  give_back(std::exchange(block_, nullptr));
  // Closed, or moved away, by whom the last bytes were given to.
  if (from_.ahead() != &intake_) return result = -EBADF, std::span<const std::byte>();
  const intake::item came = intake_.next("bytes to read", from_.incoming(), where);
  block_ = came.block;
  result = came.result;
  return came.bytes;
}

std::optional<std::int32_t> receive_ahead(descriptor& from, std::span<std::byte> into,
                                          call_site where) {
  intake* const ahead = intake_left(from);
  if (ahead == nullptr) return std::nullopt;
  return ahead->receive(into, from.incoming(), where);
}

std::optional<std::int32_t> accept_ahead(descriptor& from, const char* what,
                                         call_site where) {
  intake* const ahead = intake_left(from);
  if (ahead == nullptr) return std::nullopt;
  return ahead->next(what, from.incoming(), where).result;
}

void descriptor::let_go_of_ahead() noexcept {
  intake& gone = *std::exchange(ahead_, nullptr);
  gone.pause();
  gone.let_go();
}

}  // namespace motet::detail
