// SPDX-License-Identifier: MIT
#include "backend/posix/helper_threads.hpp"

#include "backend/posix/all_signals_blocked.hpp"
#include "backend/posix/attempt.hpp"
#include "backend/posix/operation_list.hpp"
#include "backend/posix/requests.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <variant>

#include <fcntl.h>
#include <unistd.h>

namespace motet {
namespace {

constexpr std::size_t most_threads = 4;

/// What `operation::result` says of an operation that has a descriptor of its own.
constexpr std::int32_t owns_descriptor = 1;

/// For what would have to wait for readiness after all: somebody has closed the file
/// behind our back, and its number is another one's.
constexpr std::int32_t result_of_stranger = -EBADF;

int descriptor_of(const operation& op) noexcept {
  return awaited_by(op.what).fd;
}

/// Where to else it refers, by number; -1 if nowhere.
int other_descriptor_of(const operation& op) noexcept {
  const auto* const ask = std::get_if<splice_request>(&op.what);
  return ask == nullptr ? -1 : ask->to;
}

bool refers_to(const operation* op, int fd) noexcept {
  return op != nullptr && (descriptor_of(*op) == fd || other_descriptor_of(*op) == fd);
}

void close_own(const operation& op) noexcept {
  if (op.result == owns_descriptor) ::close(descriptor_of(op));
}

}  // namespace

class helper_threads::pool {
 public:
  explicit pool(backend& woken) noexcept : woken_(woken) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool();

  /// @returns whether there is a thread to do it.
  [[nodiscard]] bool start(operation& op) noexcept;
  [[nodiscard]] bool withdraw(operation& op) noexcept;
  [[nodiscard]] operation* take_finished() noexcept;
  void let_close(int fd) noexcept;

 private:
  void add_thread() noexcept;
  void work(const operation*& busy_with) noexcept;
  void finish_locked(operation& op, std::int32_t result) noexcept;

  backend& woken_;

  std::mutex lock_;  ///< For all that follows, except the threads.
  std::condition_variable more_to_do_;
  std::condition_variable one_is_done_;
  operation_list queued_;
  std::size_t queued_count_ = 0;
  operation_list finished_;
  std::size_t idle_ = 0;
  bool ending_ = false;
  std::array<const operation*, most_threads> busy_with_{};  ///< For each thread.

  std::array<std::thread, most_threads> threads_;
  std::size_t thread_count_ = 0;
};

helper_threads::pool::~pool() {
  {
    const std::scoped_lock hold(lock_);
    ending_ = true;
  }
  more_to_do_.notify_all();
  for (std::size_t i = 0; i < thread_count_; ++i)
    threads_[i].join();
}

bool helper_threads::pool::start(operation& op) noexcept {
  {
    const std::scoped_lock hold(lock_);
    if (queued_count_ >= idle_ && thread_count_ < most_threads) add_thread();
    if (thread_count_ == 0) return false;
    queued_.push_back(op);
    ++queued_count_;
  }
  more_to_do_.notify_one();
  return true;
}

void helper_threads::pool::add_thread() noexcept {
  const all_signals_blocked during;
  try {
    const operation*& busy_with = busy_with_[thread_count_];
    threads_[thread_count_] = std::thread([this, &busy_with] { work(busy_with); });
    ++thread_count_;
  } catch (const std::system_error&) {
    // Those that there are will do it.
  } catch (const std::bad_alloc&) {
  }
}

void helper_threads::pool::work(const operation*& busy_with) noexcept {
  std::unique_lock hold(lock_);
  for (;;) {
    ++idle_;
    more_to_do_.wait(hold, [&] { return ending_ || !queued_.empty(); });
    --idle_;
    if (queued_.empty()) return;
    operation& op = queued_.front();
    queued_.pop_front();
    --queued_count_;
    busy_with = &op;
    hold.unlock();
    const std::int32_t result = attempt(op).value_or(result_of_stranger);
    close_own(op);
    hold.lock();
    busy_with = nullptr;
    one_is_done_.notify_all();
    finish_locked(op, result);
  }
}

/// Wakes under the lock: whoever has taken the last operation may end all this.
void helper_threads::pool::finish_locked(operation& op, std::int32_t result) noexcept {
  op.result = result;
  finished_.push_back(op);
  woken_.wake();
}

bool helper_threads::pool::withdraw(operation& op) noexcept {
  const std::scoped_lock hold(lock_);
  if (!queued_.remove(op)) return false;
  --queued_count_;
  close_own(op);
  return true;
}

operation* helper_threads::pool::take_finished() noexcept {
  const std::scoped_lock hold(lock_);
  return finished_.take_all();
}

void helper_threads::pool::let_close(int fd) noexcept {
  std::unique_lock hold(lock_);
  for (operation* op = queued_.take_all(); op != nullptr;) {
    operation* const next = op->next;
    const bool waits = !refers_to(op, fd);
    const bool can_keep = descriptor_of(*op) == fd && other_descriptor_of(*op) < 0;
    const int own = can_keep ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own >= 0) {
      std::visit([&](auto& ask) { ask.fd = own; }, op->what);
      op->result = owns_descriptor;
    }
    if (waits || own >= 0) {
      queued_.push_back(*op);
    } else {
      --queued_count_;
      finish_locked(*op, can_keep ? -errno : -EBADF);
    }
    op = next;
  }
  // Whether a thread has got as far as into the kernel cannot be seen.
  one_is_done_.wait(hold, [&] {
    return std::ranges::none_of(busy_with_,
                                [&](const operation* op) { return refers_to(op, fd); });
  });
}

helper_threads::helper_threads(backend& woken) noexcept : woken_(woken) {}

helper_threads::~helper_threads() = default;

bool helper_threads::start(operation& op) noexcept {
  if (!pool_) pool_.reset(new (std::nothrow) pool(woken_));
  return pool_ && pool_->start(op);
}

bool helper_threads::withdraw(operation& op) noexcept {
  return pool_ && pool_->withdraw(op);
}

operation* helper_threads::take_finished() noexcept {
  return pool_ ? pool_->take_finished() : nullptr;
}

void helper_threads::let_close(int fd) noexcept {
  if (pool_) pool_->let_close(fd);
}

}  // namespace motet
