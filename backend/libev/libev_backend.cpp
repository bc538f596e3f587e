// SPDX-License-Identifier: MIT
#include "backend/libev/libev_backend.hpp"

#include "backend/posix/attempt.hpp"
#include "backend/posix/calls.hpp"
#include "backend/posix/fatal.hpp"
#include "backend/posix/read_write.hpp"
#include "backend/posix/requests.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace motet {
namespace {

/// With completions at hand the kernel is only asked now and then.
constexpr std::size_t polls_between_looks = 16;

/// How many descriptors are served before `poll` returns, if its caller has nothing else
/// to do: what is received is dealt with while it is in the cache.
constexpr std::size_t served_at_a_time = 8;

/// How often a watcher may fire in vain.
constexpr std::uint8_t most_fired_for_nobody = 8;

// What `operation::slot` says while the backend has it.
constexpr std::uint32_t is_done = 0;
constexpr std::uint32_t is_waiting = 1;
constexpr std::uint32_t is_helped = 2;

bool is_poll(const operation& op) noexcept {
  return std::holds_alternative<poll_request>(op.what);
}

/// Whether its descriptor is made and closed without our knowledge. Then the number may
/// have a new user since it was looked at last.
bool is_of_strangers(const operation& op) noexcept {
  return std::holds_alternative<read_request>(op.what) ||
         std::holds_alternative<write_request>(op.what) ||
         std::holds_alternative<read_pieces_request>(op.what) ||
         std::holds_alternative<write_pieces_request>(op.what);
}

/// Where an operation waits that is no poll.
direction& direction_of(interest& at, short events) noexcept {
  return events == POLLIN ? at.incoming : at.outgoing;
}

/// To be said of the direction that is served next. Its operation is on a stack that has
/// not been looked at for long; and among thousands, so is the one after it.
void prefetch(const direction& next) noexcept {
  __builtin_prefetch(next.waiting.first(), 1);
  __builtin_prefetch(next.next_ready, 1);
}

operation_list& queue_of(interest& at, const operation& op, short events) noexcept {
  return is_poll(op) ? at.polls : direction_of(at, events).waiting;
}

}  // namespace

libev_backend::libev_backend(struct ev_loop* lent)
    : loop_(lent), bell_(loop_), deadline_(loop_) {}

libev_backend::~libev_backend() {
  if (in_flight_ != 0) abort_engine("libev", "destroyed with operations in flight");
  for (const auto& each : interests_) {
    if (!each) continue;
    loop_.stop(each->incoming.watcher);
    loop_.stop(each->outgoing.watcher);
  }
  loop_.stop(polls_watcher_);
}

void libev_backend::submit(operation& op) noexcept {
  op.result = 0;  // Notes how far attempts have come.
  ++in_flight_;
  if (on_disk(op.what) && helpers_.start(op)) {
    op.slot = is_helped;
    return;
  }
  const readiness awaited = awaited_by(op.what);
  interest* const at = interests_.find(awaited.fd);
  if (at != nullptr && !is_poll(op)) {
    const direction& to = direction_of(*at, awaited.events);
    // Nobody overtakes those that wait; and what would be in vain is not tried.
    const bool in_vain = to.exhausted && !is_of_strangers(op);
    if (in_vain || !to.waiting.empty()) return wait(op, awaited);
  }
  const std::optional<std::int32_t> result = attempt(op, blocks_);
  if (!result) return wait(op, awaited);
  if (at != nullptr && !is_poll(op))
    direction_of(*at, awaited.events).exhausted = exhausted_by(op.what, *result);
  finish(op, *result);
}

void libev_backend::wait(operation& op, readiness awaited) noexcept {
  try {
    interest& at = interests_.at(awaited.fd);
    op.slot = is_waiting;
    if (is_poll(op)) return wait_for_readiness(op, at, awaited.events);
    direction& to = direction_of(at, awaited.events);
    to.exhausted = true;
    to.waiting.push_back(op);
    if (is_of_strangers(op)) loop_.stop(to.watcher);
    if (ev_is_active(&to.watcher)) return;
    // Said anew each time, as the number may have a new user since it was watched last.
    ev_io_init(&to.watcher, &on_ready, awaited.fd,
               awaited.events == POLLIN ? EV_READ : EV_WRITE);
    to.watcher.data = this;
    to.fired_for_nobody = 0;
    to.lost = false;
    loop_.start(to.watcher);
  } catch (const std::bad_alloc&) {
    finish(op, -ENOMEM);
  }
}

void libev_backend::wait_for_readiness(operation& op, interest& at,
                                       short events) noexcept {
  int all = events;
  for (const operation* other = at.polls.first(); other != nullptr; other = other->next)
    all |= std::get<poll_request>(other->what).events;
  const int failed = polls_.watch(awaited_by(op.what).fd, static_cast<short>(all));
  // Nothing ever happens to a regular file. In the words of io_uring:
  if (failed == -EPERM) return finish(op, -EINVAL);
  if (failed != 0) return finish(op, failed);
  at.polls.push_back(op);
  if (ev_is_active(&polls_watcher_)) return;
  ev_io_init(&polls_watcher_, &on_polled, polls_.fd(), EV_READ);
  polls_watcher_.data = this;
  loop_.start(polls_watcher_);
}

void libev_backend::cancel(operation& op) noexcept {
  if (op.slot == is_helped && helpers_.withdraw(op)) finish(op, -ECANCELED);
  if (op.slot != is_waiting) return;
  const readiness awaited = awaited_by(op.what);
  interest& at = *interests_.find(awaited.fd);
  queue_of(at, op, awaited.events).remove(op);
  finish(op, result_of_cancelled(op));
  let_go_if_kept(awaited.fd, at);
}

void libev_backend::finish(operation& op, std::int32_t result) noexcept {
  op.result = result;
  op.slot = is_done;
  done_.push_back(op);
  ++done_count_;
  const auto* const next = std::get_if<next_request>(&op.what);
  const bool opens = std::holds_alternative<accept_request>(op.what) ||
                     std::holds_alternative<open_request>(op.what) ||
                     (next != nullptr && next->kind == multishot_kind::accept);
  if (result >= 0 && opens) start_over(result);
}

operation* libev_backend::poll(time_point until) noexcept {
  const bool nothing = done_.empty();
  const bool due = nothing || ++polls_since_look_ >= polls_between_looks;
  if (latest_ready_ == nullptr && due) look(nothing ? until : time_point::min());
  serve_ready(until == time_point::min() ? SIZE_MAX : served_at_a_time);
  in_flight_ -= std::exchange(done_count_, 0);
  return done_.take_all();
}

void libev_backend::look(time_point until) noexcept {
  waits_ = until != time_point::min() && until > now();
  if (waits_ && until != time_point::max()) deadline_.set(until);
  if (waits_) {
    loop_.wait();
  } else {
    loop_.look();
  }
  if (std::exchange(polls_ready_, false)) attempt_all_polls();
  take_helped();
  polls_since_look_ = 0;
}

/// Only notes: libev calls back for the latest of its events first.
void libev_backend::on_ready(struct ev_loop*, ev_io* watcher, int events) noexcept {
  auto& self = *static_cast<libev_backend*>(watcher->data);
  auto& ready = *reinterpret_cast<direction*>(watcher);
  ready.exhausted = false;
  if ((events & EV_ERROR) != 0) {
    self.loop_.was_stopped();
    ready.lost = true;
  } else if (ready.waiting.empty()) {
    // While others run, somebody may be about to wait again: stopping and starting costs
    // system calls. A wait would end over and over.
    const bool stops = self.waits_ || ++ready.fired_for_nobody == most_fired_for_nobody;
    if (stops) self.loop_.stop(*watcher);
    return;
  }
  ready.fired_for_nobody = 0;
  if (std::exchange(ready.ready, true)) return;
  ready.next_ready = std::exchange(self.latest_ready_, &ready);
}

void libev_backend::serve_ready(std::size_t most) noexcept {
  for (; most != 0 && latest_ready_ != nullptr; --most) {
    direction& ready = *latest_ready_;
    latest_ready_ = ready.next_ready;
    if (latest_ready_ != nullptr) prefetch(*latest_ready_);
    ready.ready = false;
    attempt_waiting(ready);
    // Somebody else has closed the descriptor, of which the attempts have told; or the
    // kernel has no room for it among those that it watches.
    if (std::exchange(ready.lost, false)) fail_all(ready.waiting, -ENOMEM);
  }
}

void libev_backend::take_helped() noexcept {
  for (operation* op = helpers_.take_finished(); op != nullptr;) {
    operation* const next = op->next;
    finish(*op, op->result);
    op = next;
  }
}

void libev_backend::attempt_waiting(direction& ready) noexcept {
  while (!ready.waiting.empty()) {
    operation& oldest = ready.waiting.front();
    const std::optional<std::int32_t> result = attempt(oldest, blocks_);
    ready.exhausted = !result || exhausted_by(oldest.what, *result);
    if (!result) return;
    ready.waiting.pop_front();
    finish(oldest, *result);
    if (ready.exhausted) break;
  }
  const int fd = ready.watcher.fd;
  let_go_if_kept(fd, *interests_.find(fd));
}

void libev_backend::on_polled(struct ev_loop*, ev_io* watcher, int) noexcept {
  static_cast<libev_backend*>(watcher->data)->polls_ready_ = true;
}

void libev_backend::attempt_all_polls() noexcept {
  for (int fd = polls_.next(); fd >= 0; fd = polls_.next())
    attempt_polls(fd);
}

void libev_backend::attempt_polls(int fd) noexcept {
  interest* const at = interests_.find(fd);
  if (at == nullptr) return;
  for (operation* op = at->polls.take_all(); op != nullptr;) {
    operation* const next = op->next;
    const std::optional<std::int32_t> result = attempt(*op, blocks_);
    if (result) {
      finish(*op, *result);
    } else {
      wait_for_readiness(*op, *at, awaited_by(op->what).events);
    }
    op = next;
  }
  let_go_if_kept(fd, *at);
}

std::int32_t libev_backend::answer(const call& question) noexcept {
  if (const auto* ask = std::get_if<close_call>(&question)) {
    helpers_.let_close(ask->fd);
    interest* const at = interests_.find(ask->fd);
    if (at != nullptr) {
      if (at->waited_for()) keep_open_for_waiting(ask->fd, *at);
      // Before the number can have another user.
      forget(*at);
    }
  }
  const std::int32_t result = answer_by_system_call(question, socket_mode::non_blocking);
  const bool opens = std::holds_alternative<open_stream_call>(question) ||
                     std::holds_alternative<open_listener_call>(question) ||
                     std::holds_alternative<open_datagram_call>(question);
  if (opens && result >= 0) start_over(result);
  if (const auto* ask = std::get_if<open_pipe_call>(&question); ask && result >= 0)
    std::ranges::for_each(*ask->ends, [this](int fd) { start_over(fd); });
  if (const auto* ask = std::get_if<open_pair_call>(&question); ask && result == 0) {
    start_over(ask->ends[0]);
    start_over(ask->ends[1]);
  }
  return result;
}

/// In Linux an operation keeps open what it waits for, as io_uring shows. Here a second
/// descriptor does.
void libev_backend::keep_open_for_waiting(int fd, interest& at) noexcept {
  const int kept = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (kept < 0) return fail_waiting(at, -errno);
  start_over(kept);
  for (operation_list* each : {&at.incoming.waiting, &at.outgoing.waiting, &at.polls}) {
    for (operation* op = each->take_all(); op != nullptr;) {
      operation* const next = op->next;
      std::visit([&](auto& ask) { ask.fd = kept; }, op->what);
      wait(*op, awaited_by(op->what));
      op = next;
    }
  }
  interest* const moved = interests_.find(kept);
  if (moved != nullptr && moved->waited_for()) {
    moved->kept_open = true;
  } else {
    ::close(kept);
  }
}

void libev_backend::let_go_if_kept(int fd, interest& at) noexcept {
  if (!at.kept_open || at.waited_for()) return;
  at.kept_open = false;
  forget(at);
  ::close(fd);
}

void libev_backend::fail_waiting(interest& at, std::int32_t result) noexcept {
  for (operation_list* each : {&at.incoming.waiting, &at.outgoing.waiting, &at.polls})
    fail_all(*each, result);
}

void libev_backend::fail_all(operation_list& waiting, std::int32_t result) noexcept {
  for (operation* op = waiting.take_all(); op != nullptr;) {
    operation* const next = op->next;
    finish(*op, result);
    op = next;
  }
}

void libev_backend::forget(interest& at) noexcept {
  for (direction* const each : {&at.incoming, &at.outgoing}) {
    loop_.stop(each->watcher);
    each->exhausted = false;
  }
}

/// The number has a new user. Whoever waits under it waits for what somebody has closed
/// behind our back.
void libev_backend::start_over(int fd) noexcept {
  interest* const at = interests_.find(fd);
  if (at == nullptr) return;
  fail_waiting(*at, -EBADF);
  at->kept_open = false;
  forget(*at);
}

time_point libev_backend::now() const noexcept {
  return time_point(std::chrono::steady_clock::now().time_since_epoch());
}

std::unique_ptr<backend> make_libev_backend(struct ev_loop* lent) {
  return std::make_unique<libev_backend>(lent);
}

}  // namespace motet
