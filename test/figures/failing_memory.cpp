// SPDX-License-Identifier: MIT
#include "test/figures/failing_memory.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include <execinfo.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace motet::test {

namespace {

struct countdown {
  std::size_t left = 0;
  scarce what = scarce::allocation;
  bool failed = false;
  unsigned plenty = 0;
};
constinit thread_local countdown plan{};
constinit std::atomic<std::size_t> live{0};

/// Who asked for what failed.
constinit void* callers[40] = {};
constinit int depth = 0;

bool fails(scarce what) noexcept {
  if (plan.left == 0 || plan.what != what || plan.plenty != 0) return false;
  if (--plan.left != 0) return false;
  plan.failed = true;
  depth = ::backtrace(callers, 40);
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails(scarce::allocation)) throw std::bad_alloc();
  void* const block =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block == nullptr) throw std::bad_alloc();
  live.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void release(void* block) noexcept {
  if (block == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void fail_the(std::size_t n, scarce what) noexcept {
  plan = {n, what, false, 0};
}

bool has_failed() noexcept {
  return plan.failed;
}

void tell_where() noexcept {
  ::backtrace_symbols_fd(callers, depth, STDERR_FILENO);
}

std::size_t live_allocations() noexcept {
  return live.load(std::memory_order_relaxed);
}

plenty::plenty() noexcept {
  ++plan.plenty;
}
plenty::~plenty() {
  --plan.plenty;
}

}  // namespace motet::test

void* operator new(std::size_t size) {
  return motet::test::allocate(size, 0);
}
void* operator new[](std::size_t size) {
  return motet::test::allocate(size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return motet::test::allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return motet::test::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
  motet::test::release(block);
}
void operator delete[](void* block) noexcept {
  motet::test::release(block);
}
void operator delete(void* block, std::size_t) noexcept {
  motet::test::release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  motet::test::release(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  motet::test::release(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
  motet::test::release(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  motet::test::release(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  motet::test::release(block);
}

// In place of the C library's and liburing's own: what they do, unless it is to fail.
extern "C" {

void* mmap(void* at, std::size_t size, int access, int flags, int fd, off_t offset) {
  if (motet::test::fails(motet::test::scarce::mapping)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(
      ::syscall(SYS_mmap, at, size, access, flags, fd, offset));
}

int madvise(void* at, std::size_t size, int advice) {
  constexpr int install_guard = 102;
  if (advice == install_guard && motet::test::fails(motet::test::scarce::mapping)) {
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_madvise, at, size, advice));
}

int mprotect(void* at, std::size_t size, int access) {
  if (motet::test::fails(motet::test::scarce::mapping)) {
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_mprotect, at, size, access));
}

int io_uring_enter2(unsigned fd, unsigned submitted, unsigned wanted, unsigned flags,
                    void* more, std::size_t size) {
  // What a kernel says that is short of memory, or of room for completions.
  if (submitted != 0 && motet::test::fails(motet::test::scarce::entry)) {
    return submitted % 2 == 0 ? -EBUSY : -EAGAIN;
  }
  const long done =
      ::syscall(SYS_io_uring_enter, fd, submitted, wanted, flags, more, size);
  return done < 0 ? -errno : static_cast<int>(done);
}

}  // extern "C"
