// SPDX-License-Identifier: MIT
#include "lib/context/stack_reserve.hpp"

#include "lib/context/stack.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

// Of Linux 6.13; the headers of the C library may be older.
#if !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102
#endif

namespace motet {

namespace {

constexpr std::size_t largest_chunk = std::size_t{32} << 30U;
constexpr std::size_t most_stacks_per_chunk = 65'536;
/// Stacks in the reserve that keep their memory, of each size.
constexpr std::size_t kept_by_reserve = 256;

/// What every kernel refuses.
constexpr int nonsense_advice = 0x7fff;

/// A chunk, as a signal handler may read it: written once, before `chunk_count` counts
/// it.
struct chunk {
  std::atomic<std::uintptr_t> low{0};
  std::atomic<std::uintptr_t> high{0};
  std::atomic<std::size_t> stride{0};
};
// Chunks grow, so a process runs out of address space before it runs out of entries,
// unless it uses hundreds of stack sizes. The overflows that are missed then lack their
// sentence.
constinit std::array<chunk, 1024> chunks;
constinit std::atomic<std::size_t> chunk_count{0};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

constinit std::atomic<detail::guard_method> method{detail::guard_method::install};

std::size_t guard_size() noexcept {
  static const std::size_t size = detail::round_up_to_pages(std::size_t{64} * 1024);
  return size;
}

void publish_chunk(std::byte* low, std::size_t size, std::size_t stride) noexcept {
  const std::size_t index = chunk_count.load(std::memory_order_relaxed);
  if (index == chunks.size()) return;
  const auto address = reinterpret_cast<std::uintptr_t>(low);
  chunks[index].low.store(address, std::memory_order_relaxed);
  chunks[index].high.store(address + size, std::memory_order_relaxed);
  chunks[index].stride.store(stride, std::memory_order_relaxed);
  chunk_count.store(index + 1, std::memory_order_release);
}

/// Says what was attempted, how far one got, and what would help.
[[noreturn]] void fail(int error, const char* attempt, std::size_t usable,
                       std::size_t stacks, const char* help) {
  throw std::system_error(error, std::generic_category(),
                          std::string(attempt) + " a stack of " +
                              std::to_string(usable / 1024) + " KiB while there are " +
                              std::to_string(stacks) + " (" + help + ")");
}

/// Gives back the memory of `stacks`. Neighbours go together: the guards between them
/// survive, and one call for many is several times cheaper.
void release_memory(std::span<std::byte*> stacks, std::size_t usable) noexcept {
  std::sort(stacks.begin(), stacks.end());
  const std::size_t stride = usable + guard_size();
  for (std::size_t i = 0; i < stacks.size();) {
    std::size_t next = i + 1;
    while (next < stacks.size() && stacks[next] == stacks[next - 1] + stride)
      ++next;
    // Nothing depends on success: a stack that keeps its memory is as good.
    madvise(stacks[i], stride * (next - i) - guard_size(), MADV_DONTNEED);
    i = next;
  }
}

}  // namespace

bool in_guard(const void* address) noexcept {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const std::size_t count = chunk_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uintptr_t low = chunks[i].low.load(std::memory_order_relaxed);
    if (wanted < low || wanted >= chunks[i].high.load(std::memory_order_relaxed))
      continue;
    const std::size_t stride = chunks[i].stride.load(std::memory_order_relaxed);
    // The size is known since the first chunk was mapped: nothing is initialised here.
    return (wanted - low) % stride < guard_size();
  }
  return false;
}

namespace detail {

void use_guard_method(guard_method chosen) noexcept {
  method.store(chosen, std::memory_order_relaxed);
}

guard_method guard_method_in_use() noexcept {
  return method.load(std::memory_order_relaxed);
}

std::size_t round_up_to_pages(std::size_t size) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

stack_reserve& stack_reserve::instance() {
  // Never destroyed: threads may give stacks back while the process exits.
  static auto* const reserve = new stack_reserve;
  return *reserve;
}

stack_class& stack_reserve::class_of(std::size_t usable) {
  const std::lock_guard lock(mutex_);
  for (auto& known : classes_) {
    if (known->usable == usable) return *known;
  }
  classes_.push_back(std::make_unique<stack_class>());
  classes_.back()->usable = usable;
  return *classes_.back();
}

std::size_t stack_reserve::withdraw(stack_class& from, std::size_t wanted,
                                    std::vector<std::byte*>& into) noexcept {
  const std::lock_guard lock(mutex_);
  // Those with memory first.
  auto& source = from.resident.empty() ? from.trimmed : from.resident;
  const std::size_t count = std::min(wanted, source.size());
  const auto first = source.end() - static_cast<std::ptrdiff_t>(count);
  into.insert(into.end(), first, source.end());
  source.erase(first, source.end());
  return count;
}

stack_span stack_reserve::carve(stack_class& from) {
  const std::lock_guard lock(mutex_);
  if (from.next == from.end) map_chunk(from);
  if (from.resident.capacity() == from.carved) {
    from.resident.reserve(2 * from.carved + 64);
    from.trimmed.reserve(2 * from.carved + 64);
  }
  guard(from, from.next);
  std::byte* const low = from.next + guard_size();
  from.next = low + from.usable;
  ++from.carved;
  ++carved_;
  const stack_span stack{low, from.next};
  announce_stack(stack);
  return stack;
}

void stack_reserve::absorb(stack_class& into, std::vector<std::byte*>& stacks) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t room =
      kept_by_reserve - std::min(kept_by_reserve, into.resident.size());
  const std::size_t cooled = stacks.size() - std::min(room, stacks.size());
  const auto warm = stacks.begin() + static_cast<std::ptrdiff_t>(cooled);
  into.resident.insert(into.resident.end(), warm, stacks.end());
  release_memory({stacks.begin(), warm}, into.usable);
  into.trimmed.insert(into.trimmed.end(), stacks.begin(), warm);
  stacks.clear();
}

void stack_reserve::absorb(stack_span stack) noexcept {
  const std::lock_guard lock(mutex_);
  for (auto& known : classes_) {
    if (known->usable == stack.size()) known->resident.push_back(stack.low);
  }
}

void stack_reserve::absorb_trimmed(stack_class& into,
                                   std::span<std::byte*> stacks) noexcept {
  release_memory(stacks, into.usable);
  const std::lock_guard lock(mutex_);
  into.trimmed.insert(into.trimmed.end(), stacks.begin(), stacks.end());
}

std::size_t stack_reserve::in_use() noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t count = carved_;
  for (const auto& known : classes_)
    count -= known->resident.size() + known->trimmed.size();
  return count;
}

void stack_reserve::map_chunk(stack_class& of) {
  const std::size_t stride = of.usable + guard_size();
  std::size_t stacks =
      std::max(std::min(of.chunk_stacks, largest_chunk / stride), std::size_t{1});
  void* low = MAP_FAILED;
  for (; stacks != 0; stacks /= 2) {
    low = mmap(nullptr, stacks * stride, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (low != MAP_FAILED) break;
  }
  if (stacks == 0) {
    fail(
        errno, "cannot map", of.usable, carved_,
        "run fewer fibers, choose smaller stacks, or raise the limit on address space or "
        "memory: ulimit -v, vm.overcommit_memory, vm.max_map_count");
  }
  // A huge page would commit the tops of six stacks and their guards at once.
  madvise(low, stacks * stride, MADV_NOHUGEPAGE);
  of.next = static_cast<std::byte*>(low);
  of.end = of.next + stacks * stride;
  of.chunk_stacks = std::min(2 * of.chunk_stacks, most_stacks_per_chunk);
  publish_chunk(of.next, stacks * stride, stride);
}

void stack_reserve::guard(const stack_class& of, std::byte* low) {
  // An emulator that says yes to every advice makes no guards.
  static const bool believable = madvise(low, guard_size(), nonsense_advice) != 0;
  if (!believable) use_guard_method(guard_method::protect);
  if (guard_method_in_use() == guard_method::install) {
    if (madvise(low, guard_size(), MADV_GUARD_INSTALL) == 0) return;
    if (errno != EINVAL) {
      fail(errno, "cannot guard", of.usable, carved_,
           "no memory for page tables: run fewer fibers or raise the memory limit");
    }
    // An older kernel, or memory that is locked: marks are refused here for good.
    use_guard_method(guard_method::protect);
  }
  if (mprotect(low, guard_size(), PROT_NONE) == 0) return;
  fail(
      errno, "cannot guard", of.usable, carved_,
      "a guard costs two mappings here: raise vm.max_map_count, run fewer fibers, or use "
      "Linux 6.13 or newer, where guards cost none");
}

}  // namespace detail

}  // namespace motet
