// SPDX-License-Identifier: MIT

// Counts the heap: the C library's own allocator, behind its functions' usual names, so
// that exceptions and what C libraries allocate are counted, too.

#include "test/support/conservation.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <malloc.h>

namespace {

constinit std::atomic<std::size_t> blocks{0};
constinit std::atomic<std::size_t> bytes{0};

void* made(void* block) noexcept {
  if (block != nullptr) {
    blocks.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(malloc_usable_size(block), std::memory_order_relaxed);
  }
  return block;
}

void gone(void* block) noexcept {
  blocks.fetch_sub(1, std::memory_order_relaxed);
  bytes.fetch_sub(malloc_usable_size(block), std::memory_order_relaxed);
}

}  // namespace

extern "C" {

// glibc's, under the names that it keeps for those who replace the others.
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);

void* malloc(std::size_t size) noexcept {
  return made(__libc_malloc(size));
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  return made(__libc_calloc(count, size));
}

void* realloc(void* block, std::size_t size) noexcept {
  if (block == nullptr) return malloc(size);
  const std::size_t before = malloc_usable_size(block);
  void* const moved = __libc_realloc(block, size);
  if (moved != nullptr) {
    bytes.fetch_add(malloc_usable_size(moved) - before, std::memory_order_relaxed);
  } else if (size == 0) {  // which frees
    blocks.fetch_sub(1, std::memory_order_relaxed);
    bytes.fetch_sub(before, std::memory_order_relaxed);
  }
  return moved;
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return made(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return memalign(alignment, size);
}

int posix_memalign(void** into, std::size_t alignment, std::size_t size) noexcept {
  void* const block = memalign(alignment, size);
  if (block == nullptr) return ENOMEM;
  *into = block;
  return 0;
}

void free(void* block) noexcept {
  if (block == nullptr) return;
  gone(block);
  __libc_free(block);
}

}  // extern "C"

namespace motet::test {

heap_use count_heap() noexcept {
  return {blocks.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed)};
}

bool heap_is_counted() noexcept {
  return true;
}

}  // namespace motet::test
