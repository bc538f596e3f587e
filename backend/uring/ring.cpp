// SPDX-License-Identifier: MIT
#include "backend/uring/ring.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>

namespace motet {
namespace {

// Newer than the liburing we build with, known to the kernels we run on.
constexpr unsigned feature_no_iowait = 1U << 17;
constexpr unsigned enter_no_iowait = 1U << 7;

constexpr unsigned always =
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
constexpr unsigned deferred = always | IORING_SETUP_SINGLE_ISSUER |
                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
constexpr unsigned cooperative =
    always | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;

// Best first; each for a kernel that refuses those before it: 6.1, 6.0, 5.19.
constexpr unsigned flag_sets[] = {deferred, cooperative | IORING_SETUP_SINGLE_ISSUER,
                                  cooperative};

struct feature {
  unsigned bit;
  const char* name;
};

constexpr feature required[] = {
    {IORING_FEAT_NODROP, "NODROP"},       {IORING_FEAT_SUBMIT_STABLE, "SUBMIT_STABLE"},
    {IORING_FEAT_FAST_POLL, "FAST_POLL"}, {IORING_FEAT_RW_CUR_POS, "RW_CUR_POS"},
    {IORING_FEAT_EXT_ARG, "EXT_ARG"},     {IORING_FEAT_CQE_SKIP, "CQE_SKIP"},
};

/// Throws, naming the first one, if some are missing.
void require_features(unsigned present) {
  for (const feature& each : required)
    if ((present & each.bit) == 0)
      throw std::system_error(
          ENOSYS, std::system_category(),
          std::string("asking io_uring for IORING_FEAT_") + each.name);
}

/// What one thread has unmapped another may map. liburing does so without the C library,
/// where ThreadSanitizer would see it: this tells it of the order.
constinit std::atomic<unsigned> rings_mapped_or_not{0};

int try_set_up(io_uring& made, io_uring_params& params, const ring_options& options,
               unsigned flags) {
  int failed = -ENOMEM;
  // Short of memory, a smaller ring still does all that a big one does.
  for (unsigned shrink = 0; failed == -ENOMEM && shrink < 6; ++shrink) {
    const unsigned submissions = options.submissions >> shrink;
    if (submissions == 0) break;
    params = {};
    params.flags = flags;
    params.cq_entries = options.completions >> shrink;
    failed = io_uring_queue_init_params(submissions, &made, &params);
  }
  return failed;
}

}  // namespace

ring::ring(const ring_options& options) {
  set_up(options);
  ++rings_mapped_or_not;
  // A child that writes into its parent's rings corrupts both. Best effort.
  io_uring_ring_dontfork(&ring_);
  // Old liburings fill this while submitting, which is ours to do; it never changes.
  for (unsigned i = 0; i < ring_.sq.ring_entries; ++i)
    ring_.sq.array[i] = i;
}

ring::~ring() {
  ++rings_mapped_or_not;
  io_uring_queue_exit(&ring_);
}

void ring::set_up(const ring_options& options) {
  io_uring_params params{};
  int failed = -EINVAL;
  for (const unsigned flags : flag_sets) {
    if (flags == deferred && !options.defer_taskrun) continue;
    failed = try_set_up(ring_, params, options, flags);
    if (failed != -EINVAL) break;
  }
  if (failed < 0)
    throw std::system_error(
        -failed, std::system_category(),
        "io_uring_setup with " + std::to_string(options.submissions) + " entries");
  try {
    require_features(params.features);
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
  // Otherwise an idle process shows as one that waits for a disk.
  if ((params.features & feature_no_iowait) != 0) wait_flags_ = enter_no_iowait;
}

io_uring_sqe* ring::next_entry() noexcept {
  if (unsubmitted() == ring_.sq.ring_entries) return nullptr;
  io_uring_sqe* const entry = &ring_.sq.sqes[tail_++ & ring_.sq.ring_mask];
  std::memset(entry, 0, sizeof *entry);
  return entry;
}

bool ring::holds_entry_for(int fd) const noexcept {
  for (unsigned at = submitted(); at != tail_; ++at)
    if (ring_.sq.sqes[at & ring_.sq.ring_mask].fd == fd) return true;
  return false;
}

bool ring::register_buffers(io_uring_buf_ring& entries, unsigned count,
                            std::uint16_t group) noexcept {
  io_uring_buf_reg what{};
  what.ring_addr = reinterpret_cast<std::uint64_t>(&entries);
  what.ring_entries = count;
  what.bgid = group;
  return io_uring_register_buf_ring(&ring_, &what, 0) == 0;
}

int ring::enter(unsigned wait_for, unsigned flags,
                const __kernel_timespec* limit) noexcept {
  const unsigned count = unsubmitted();
  std::atomic_ref(*ring_.sq.ktail).store(tail_, std::memory_order_release);
  const auto fd = static_cast<unsigned>(ring_.ring_fd);
  if (limit == nullptr)
    return io_uring_enter2(fd, count, wait_for, flags, nullptr, _NSIG / 8);
  io_uring_getevents_arg more{};
  more.ts = reinterpret_cast<std::uint64_t>(limit);
  // With this flag, the kernel reads the signal mask's place as something else.
  return io_uring_enter2(fd, count, wait_for, flags | IORING_ENTER_EXT_ARG,
                         reinterpret_cast<sigset_t*>(&more), sizeof more);
}

}  // namespace motet
