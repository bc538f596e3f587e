// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Operations over io_uring.
///
/// `submit` only writes entries; one system call per `poll` hands them over and waits.
/// An operation is over when its own completion has come, whatever a cancel was told.
/// What the kernel's io_uring lacks is done by system calls that do not wait, when a poll
/// in the ring has told that it is time; or by threads that wait for disks.

#include "backend/backend.hpp"
#include "backend/multishot.hpp"
#include "backend/posix/helper_threads.hpp"
#include "backend/uring/buffer_ring.hpp"
#include "backend/uring/doorbell.hpp"
#include "backend/uring/opcodes.hpp"
#include "backend/uring/ring.hpp"
#include "backend/uring/slot_table.hpp"

#include <motet/detail/sure_allocator.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace motet {

struct uring_options {
  ring_options queues = {};
  /// Operations to avoid although the kernel has them: the way round a bug of its.
  opcode_set without = {};
};

/// Same thread only, the one that made it; except `wake`. To be destroyed with nothing
/// in flight: the kernel may still write into what an operation names.
class uring_backend final : public backend {
 public:
  /// Throws `std::system_error` that says what was refused.
  explicit uring_backend(const uring_options& options);
  uring_backend(const uring_backend&) = delete;
  uring_backend& operator=(const uring_backend&) = delete;
  ~uring_backend() override;

  void submit(operation& op) noexcept override;
  void cancel(operation& op) noexcept override;
  [[nodiscard]] operation* poll(time_point until) noexcept override;
  void wake() noexcept override { door_.ring(); }
  void give_back(std::byte* lent) noexcept override;
  [[nodiscard]] std::int32_t answer(const call& question) noexcept override;
  [[nodiscard]] time_point now() const noexcept override;
  [[nodiscard]] std::size_t in_flight() const noexcept override {
    return slots_.in_use() - armed_ + awaiting_ + done_;
  }
  /// For tests.
  [[nodiscard]] const buffer_ring& buffers() const noexcept { return buffers_; }
  [[nodiscard]] const char* name() const noexcept override { return "uring"; }

 private:
  /// A cancel that has not found its operation, to be sent again.
  struct late_cancel {
    time_point due;
    std::uint32_t slot;
    std::uint32_t generation;
  };

  /// What `operation::slot` says of one that is back.
  static constexpr std::uint32_t no_slot = ~std::uint32_t{0};

  void attempt_or_wait(std::uint32_t index) noexcept;
  void take_helped() noexcept;
  void keep_open_for_avoided(int fd) noexcept;

  void start(std::uint32_t index) noexcept;
  [[nodiscard]] bool is_followed(const slot_table::slot& slot) const noexcept;
  void start_and_follow(std::uint32_t index) noexcept;
  void start_again(std::uint32_t index) noexcept;
  void finish(std::uint32_t index, std::int32_t result) noexcept;
  void hand_back(operation& op, std::int32_t result) noexcept;
  void send_cancel(std::uint32_t index, std::uint32_t generation) noexcept;
  io_uring_sqe& entry() noexcept;
  void flush() noexcept;

  [[nodiscard]] bool repeats(multishot_kind kind) noexcept;
  void submit_next(operation& op, multishot& from) noexcept;
  void submit_end(operation& op, multishot& of) noexcept;
  void await(operation& op, multishot& from) noexcept;
  void arm(multishot& m) noexcept;
  void settle_arrival(std::uint32_t index, const io_uring_cqe& completion) noexcept;
  void bring(multishot& m, arrival what) noexcept;
  void hand_to_awaiting(multishot& m, std::int32_t result) noexcept;
  void end_repeating(std::uint32_t index, std::int32_t result, std::byte* lent) noexcept;
  void own_what_came(multishot& m) noexcept;

  void send_leftovers() noexcept;
  void send_late_cancels(time_point today) noexcept;
  void enter_without_waiting() noexcept;
  void enter_and_wait(time_point until) noexcept;

  void reap() noexcept;
  void settle(const io_uring_cqe& completion) noexcept;
  void settle_operation(const ticket& of, const io_uring_cqe& completion) noexcept;
  void settle_half(std::uint32_t index) noexcept;
  void settle_result(std::uint32_t index, std::int32_t result) noexcept;
  void settle_cancel(const ticket& of, std::int32_t result) noexcept;
  bool continues(std::uint32_t index, std::int32_t& result) noexcept;
  bool continues_after_readiness(std::uint32_t index, std::int32_t& result) noexcept;
  bool try_again(std::uint32_t index, std::int32_t why) noexcept;

  ring ring_;
  const opcode_set to_avoid_;
  const std::uint32_t avoided_;  ///< The requests that are made of those, as bits.
  /// What threads of the kernel's do, which keep the file for a while after they have
  /// completed it.
  const std::uint32_t followed_;
  bool avoids_ = false;  ///< Some operation has been avoided.
  const bool repeats_accept_;
  const bool repeats_receive_;
  slot_table slots_;
  std::size_t armed_ = 0;     ///< Multishots that the kernel works for.
  std::size_t awaiting_ = 0;  ///< Those that somebody waits for.
  operation* first_done_ = nullptr;
  operation** last_done_ = &first_done_;
  std::size_t done_ = 0;
  unsigned idle_polls_ = 0;  ///< Since the kernel was last entered.

  detail::sure_vector<std::uint32_t> to_start_again_;
  detail::sure_vector<late_cancel> late_cancels_;

  buffer_ring buffers_{ring_};
  doorbell door_;
  helper_threads helpers_{*this};
  bool awake_ = false;  ///< A wake has come that no `poll` has returned for.
};

[[nodiscard]] std::unique_ptr<backend> make_uring_backend(
    const uring_options& options = {});

}  // namespace motet
