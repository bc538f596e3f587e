// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// An io_uring: two rings shared with the kernel, and the one system call between them.
///
/// Knows entries and flags, not operations.

#include <liburing.h>

#include <atomic>
#include <cstdint>

namespace motet {

struct ring_options {
  unsigned submissions = 256;
  /// The kernel sizes its table of waiting operations by this: with 10,000 of them a
  /// cancel costs a third of what it costs at 512. Also makes overflow a rarity.
  unsigned completions = 8192;
  /// Completions are only worked on inside our own system calls, never in between.
  bool defer_taskrun = true;
};

/// Same thread only: the kernel refuses others. Not inherited by `fork`.
class ring {
 public:
  /// Throws `std::system_error` that says what was refused.
  explicit ring(const ring_options& options);
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring();

  /// A cleared entry, or null when the queue is full. It goes out with the next `enter`.
  [[nodiscard]] io_uring_sqe* next_entry() noexcept;

  [[nodiscard]] unsigned unsubmitted() const noexcept { return tail_ - submitted(); }
  /// How many entries the queue has when it is empty.
  [[nodiscard]] unsigned capacity() const noexcept { return ring_.sq.ring_entries; }

  /// Whether an entry that is not submitted yet names this descriptor.
  [[nodiscard]] bool holds_entry_for(int fd) const noexcept;

  /// Whether the kernel holds completions back until it is entered.
  [[nodiscard]] bool kernel_has_more() const noexcept {
    const unsigned flags =
        std::atomic_ref(*ring_.sq.kflags).load(std::memory_order_relaxed);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  }

  [[nodiscard]] unsigned completions_ready() const noexcept {
    return std::atomic_ref(*ring_.cq.ktail).load(std::memory_order_acquire) -
           *ring_.cq.khead;
  }
  /// The completion after `ahead` others that are ready.
  [[nodiscard]] const io_uring_cqe& completion(unsigned ahead) const noexcept {
    return ring_.cq.cqes[(*ring_.cq.khead + ahead) & ring_.cq.ring_mask];
  }
  /// Gives the oldest `count` completions' places back.
  void release_completions(unsigned count) noexcept {
    const unsigned head = *ring_.cq.khead + count;
    std::atomic_ref(*ring_.cq.khead).store(head, std::memory_order_release);
  }

  /// Has the kernel take buffers from `entries` that are lent to it there, as a group.
  /// @returns whether it can. Linux 5.19.
  bool register_buffers(io_uring_buf_ring& entries, unsigned count,
                        std::uint16_t group) noexcept;

  /// Submits what there is, without waiting or looking for completions.
  /// @returns >= 0, or -errno; -EINTR, -EAGAIN and -EBUSY are worth another try.
  int submit() noexcept { return enter(0, 0, nullptr); }
  /// Submits, and lets the kernel post the completions it has.
  int submit_and_collect() noexcept { return enter(0, IORING_ENTER_GETEVENTS, nullptr); }
  /// Submits, and waits for a completion, a signal or the end of `limit`, which is not
  /// zero: the kernel would go to sleep for that, too. Null: no limit.
  int submit_and_wait(const __kernel_timespec* limit) noexcept {
    return enter(1, IORING_ENTER_GETEVENTS | wait_flags_, limit);
  }

 private:
  void set_up(const ring_options& options);
  [[nodiscard]] unsigned submitted() const noexcept {
    return std::atomic_ref(*ring_.sq.khead).load(std::memory_order_acquire);
  }
  int enter(unsigned wait_for, unsigned flags, const __kernel_timespec* limit) noexcept;

  io_uring ring_{};
  unsigned tail_ = 0;  ///< Of the submission queue; the kernel sees it in `enter`.
  unsigned wait_flags_ = 0;
};

}  // namespace motet
