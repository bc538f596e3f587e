// SPDX-License-Identifier: MIT
// A backend on poll(2), as small as one can be: docs/backends.md walks through it. All of
// the contract holds for it.
#include "backend/backend.hpp"
#include "backend/posix/attempt.hpp"
#include "backend/posix/calls.hpp"
#include "backend/posix/requests.hpp"
#include "test/contract/host.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet::contract {
namespace {

class poll_backend final : public backend {
 public:
  poll_backend() : wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  }
  poll_backend(const poll_backend&) = delete;
  poll_backend& operator=(const poll_backend&) = delete;
  ~poll_backend() override { ::close(wake_fd_); }

  void submit(operation& op) noexcept override {
    op.result = 0;  // `attempt` notes here how far it is
    if (const auto result = attempt(op)) return finish(op, *result);
    if (never_ready(op)) return finish(op, -EINVAL);
    waiting_.push_back(&op);
  }

  void cancel(operation& op) noexcept override {
    if (std::erase(waiting_, &op) != 0) finish(op, result_of_cancelled(op));
  }

  [[nodiscard]] operation* poll(time_point until) noexcept override {
    wait(first_ != nullptr ? time_point::min() : until);
    attempt_all();
    count_ = 0;
    last_ = &first_;
    return std::exchange(first_, nullptr);
  }

  void wake() noexcept override {
    if (rung_.exchange(true)) return;
    const int saved = errno;  // a signal handler leaves no trace
    const std::uint64_t one = 1;
    while (::write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = saved;
  }

  [[nodiscard]] std::int32_t answer(const call& question) noexcept override {
    if (const auto* ask = std::get_if<close_call>(&question))
      keep_open_for_waiting(ask->fd);
    return answer_by_system_call(question);
  }

  [[nodiscard]] time_point now() const noexcept override {
    return time_point(std::chrono::steady_clock::now().time_since_epoch());
  }
  [[nodiscard]] std::size_t in_flight() const noexcept override {
    return waiting_.size() + count_;
  }
  [[nodiscard]] const char* name() const noexcept override { return "poll"; }

 private:
  /// A file on a disk is always ready, or else for nothing that it knows of.
  static bool never_ready(const operation& op) noexcept {
    struct stat about {};
    const bool known = ::fstat(awaited_by(op.what).fd, &about) == 0;
    return known && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
  }

  void finish(operation& op, std::int32_t result) noexcept {
    op.result = result;
    op.next = nullptr;
    *last_ = &op;
    last_ = &op.next;
    ++count_;
    std::erase_if(kept_, [&](const auto& each) {
      return each.first == &op && ::close(each.second) == 0;
    });
  }

  /// Until something is ready, a wake, or `until`.
  void wait(time_point until) noexcept {
    std::vector<pollfd> awaited{{wake_fd_, POLLIN, 0}};
    for (const operation* op : waiting_) {
      const auto [fd, events] = awaited_by(op->what);
      awaited.push_back({fd, events, 0});
    }
    // Not early: what is left is counted in nanoseconds. Not late: nothing between here
    // and the wait can be missed, as what was ready before stays ready.
    const duration left = std::max(until == time_point::min() ? 0ns : until - now(), 0ns);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec limit{seconds.count(), (left - seconds).count()};
    const bool forever = until == time_point::max();
    ::ppoll(awaited.data(), awaited.size(), forever ? nullptr : &limit, nullptr);
    std::uint64_t count = 0;
    // First emptied, then taken back: a wake in between is seen next time.
    if (::read(wake_fd_, &count, sizeof count) > 0) rung_.exchange(false);
  }

  void attempt_all() noexcept {
    std::erase_if(waiting_, [&](operation* op) {
      const auto result = attempt(*op);
      if (result) finish(*op, *result);
      return result.has_value();
    });
  }

  /// What waits goes on waiting when its descriptor is closed, as io_uring does. But the
  /// number is somebody else's soon: a second one keeps the socket open.
  void keep_open_for_waiting(int fd) noexcept {
    for (operation* op : waiting_) {
      if (awaited_by(op->what).fd != fd) continue;
      const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
      std::visit([&](auto& ask) { ask.fd = own; }, op->what);
      kept_.emplace_back(op, own);
    }
  }

  const int wake_fd_;
  std::atomic<bool> rung_ = false;
  std::vector<operation*> waiting_;  ///< Oldest first.
  operation* first_ = nullptr;       ///< What is complete, oldest first.
  operation** last_ = &first_;
  std::size_t count_ = 0;
  std::vector<std::pair<operation*, int>> kept_;  ///< Whose descriptor is its own.
};

const registered fourth("poll", [] { return std::make_unique<poll_backend>(); });

}  // namespace
}  // namespace motet::contract
