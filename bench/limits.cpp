// SPDX-License-Identifier: MIT

#include "limits.hpp"

#include "measure.hpp"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

namespace bench {

namespace {

/// A private mapping whose pages come when they are touched, and go with it.
class region {
 public:
  explicit region(std::size_t size) : size_(size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap failed");
    start_ = static_cast<char*>(memory);
    // One huge page would give memory to hundreds of stacks at once.
    madvise(start_, size, MADV_NOHUGEPAGE);
  }
  region(const region&) = delete;
  region& operator=(const region&) = delete;
  ~region() { munmap(start_, size_); }

  [[nodiscard]] char* at(std::size_t offset) const { return start_ + offset; }

 private:
  std::size_t size_;
  char* start_ = nullptr;
};

#if defined(__x86_64__)

struct context {
  void* stack = nullptr;
  void* frame = nullptr;
  const void* resume_at = nullptr;
};

/// Saves three words and jumps; the compiler keeps across it what it needs, and nothing
/// else. Nothing is pushed, so a red zone below the stack pointer stays whole.
[[gnu::always_inline]] inline void jump(context* from, const context* to) {
  asm volatile(
      "movq %%rbp, 8(%%rdi)\n\t"
      "leaq 0f(%%rip), %%rbp\n\t"
      "movq %%rsp, (%%rdi)\n\t"
      "movq %%rbp, 16(%%rdi)\n\t"
      "movq (%%rsi), %%rsp\n\t"
      "movq 8(%%rsi), %%rbp\n\t"
      "jmpq *16(%%rsi)\n"
      "0:"
      : "+D"(from), "+S"(to)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
        "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
        "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

context home;

/// As after a call: the ABI wants the stack 8 bytes off a multiple of 16 at an entry.
context fresh_context(char* top, void (*entry)()) {
  const auto aligned = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
  context c;
  c.stack = reinterpret_cast<void*>(aligned - 8);
  c.resume_at = reinterpret_cast<const void*>(entry);
  return c;
}

struct ring {
  std::vector<context> contexts;
  std::size_t current = 0;
  long left = 0;
};
ring the_ring;

void ring_body() {
  ring& r = the_ring;
  // Whoever runs touches its stack; without this the ring would never load one.
  volatile long turns = 0;
  for (;;) {
    turns = turns + 1;
    context* from = &r.contexts[r.current];
    if (++r.current == r.contexts.size()) r.current = 0;
    const std::size_t ahead = r.current + 6;
    if (ahead < r.contexts.size()) __builtin_prefetch(r.contexts[ahead].stack);
    jump(from, --r.left > 0 ? &r.contexts[r.current] : &home);
  }
}

void run_ring(long switches) {
  the_ring.left = switches;
  jump(&home, &the_ring.contexts[the_ring.current]);
}

context visitor;
void visit() {
  jump(&visitor, &home);
}

std::uint64_t cycle_counter() {
  return __builtin_ia32_rdtsc();
}

#endif

struct heap_entry {
  std::int64_t deadline;
  std::size_t* place;
};

/// Four children to a node; each entry knows its place, so that it can leave early.
class quad_heap {
 public:
  void push(std::int64_t deadline, std::size_t& place) {
    entries_.push_back({deadline, &place});
    rise(entries_.size() - 1, entries_.back());
  }

  void erase(std::size_t place) {
    const heap_entry last = entries_.back();
    entries_.pop_back();
    if (place == entries_.size()) return;
    sink(place, last);
    rise(*last.place, last);
  }

 private:
  void set(std::size_t at, const heap_entry& entry) {
    entries_[at] = entry;
    *entry.place = at;
  }

  void rise(std::size_t at, heap_entry entry) {
    while (at > 0 && entries_[(at - 1) / 4].deadline > entry.deadline) {
      set(at, entries_[(at - 1) / 4]);
      at = (at - 1) / 4;
    }
    set(at, entry);
  }

  void sink(std::size_t at, heap_entry entry) {
    for (;;) {
      const std::size_t first = at * 4 + 1;
      const std::size_t end = std::min(first + 4, entries_.size());
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (entries_[child].deadline < entries_[least].deadline) least = child;
      }
      if (first >= end || entries_[least].deadline >= entry.deadline) break;
      set(at, entries_[least]);
      at = least;
    }
    set(at, entry);
  }

  std::vector<heap_entry> entries_;
};

struct witness {
  ~witness() { keep(); }
};

[[gnu::noinline]] void throw_through(int frames) {
  const witness here;
  if (frames <= 1) throw 1;
  throw_through(frames - 1);
}

/// Two TCP sockets on 127.0.0.1, connected to each other.
std::array<int, 2> connected_pair() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  const bool connected = bind(listener, generic, length) == 0 &&
                         listen(listener, 1) == 0 &&
                         getsockname(listener, generic, &length) == 0 &&
                         connect(client, generic, length) == 0;
  const int server = connected ? accept(listener, nullptr, nullptr) : -1;
  close(listener);
  if (server < 0) throw std::runtime_error("no connected pair of sockets");
  return {server, client};
}

}  // namespace

double bare_switch(std::size_t count, long switches) {
#if defined(__x86_64__)
  constexpr std::size_t stride = 16384;
  const region stacks(count * stride);
  the_ring.contexts.clear();
  the_ring.current = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // Tops that are all alike would compete for the same few lines of the cache.
    char* top = stacks.at((i + 1) * stride - i % 32 * 64);
    the_ring.contexts.push_back(fresh_context(top, ring_body));
  }
  run_ring(static_cast<long>(count) * 2);
  const std::int64_t start = cpu_ns();
  run_ring(switches);
  return static_cast<double>(cpu_ns() - start) / static_cast<double>(switches);
#else
  (void)count, (void)switches;
  return none;
#endif
}

double bare_context_run(long rounds) {
#if defined(__x86_64__)
  const region stack(65536);
  return per_call(rounds, [&] {
    visitor = fresh_context(stack.at(65536), visit);
    jump(&home, &visitor);
  });
#else
  (void)rounds;
  return none;
#endif
}

double bare_heap_entry(std::size_t population, long rounds) {
  quad_heap heap;
  std::vector<std::size_t> places(population + 1);
  // Due before all others, as a timeout of a minute is beside sleepers of an hour: it
  // rises to the top, and the last one sinks back from there.
  constexpr std::int64_t later = 1'000'000'000;
  for (std::size_t i = 0; i < population; ++i) {
    heap.push(later + static_cast<std::int64_t>(i), places[i]);
  }
  return per_call(rounds, [&] {
    heap.push(1, places.back());
    keep();
    heap.erase(places.back());
  });
}

double bare_counter_and_store(long rounds) {
#if defined(__x86_64__)
  volatile std::uint64_t deadline = 0;
  return per_call(rounds, [&] { deadline = cycle_counter() + 1000; });
#else
  (void)rounds;
  return none;
#endif
}

double bare_spin_lock(long rounds) {
  std::atomic<bool> held{false};
  return per_call(rounds, [&] {
    while (held.exchange(true, std::memory_order_acquire)) {
    }
    keep();
    held.store(false, std::memory_order_release);
  });
}

double bare_clock_read(long rounds) {
  timespec t{};
  return per_call(rounds, [&] {
    clock_gettime(CLOCK_MONOTONIC, &t);
    keep();
  });
}

double bare_unwinding(int frames, long rounds) {
  return per_call(rounds, [&] {
    try {
      throw_through(frames);
    } catch (int) {
      keep();
    }
  });
}

double bare_cancel_of_receive(int sockets, int rounds) {
  io_uring uring{};
  const unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  if (io_uring_queue_init(256, &uring, flags) != 0) return none;
  std::vector<std::array<int, 2>> pairs;
  for (int i = 0; i < sockets; ++i)
    pairs.push_back(connected_pair());
  std::array<char, 64> buffer{};
  std::int64_t spent = 0;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      io_uring_sqe* entry = io_uring_get_sqe(&uring);
      io_uring_prep_recv(entry, pairs[i][0], buffer.data(), buffer.size(), 0);
      io_uring_sqe_set_data64(entry, i + 1);
    }
    io_uring_submit(&uring);
    const std::int64_t start = cpu_ns();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      io_uring_sqe* entry = io_uring_get_sqe(&uring);
      io_uring_prep_cancel64(entry, i + 1, 0);
      io_uring_sqe_set_data64(entry, 0);
      io_uring_submit_and_wait(&uring, 2);
      io_uring_cq_advance(&uring, 2);
    }
    spent += cpu_ns() - start;
  }
  for (const auto& [server, client] : pairs) {
    close(server);
    close(client);
  }
  io_uring_queue_exit(&uring);
  return static_cast<double>(spent) / (static_cast<double>(rounds) * sockets);
}

double bare_stacks(std::size_t count, std::size_t stack, std::size_t guard) {
  constexpr int guard_install = 102;  // MADV_GUARD_INSTALL, newer than libc's headers
  const std::size_t stride = stack + guard;
  const std::int64_t start = cpu_ns();
  const region stacks(count * stride);
  for (std::size_t i = 0; i < count; ++i) {
    if (madvise(stacks.at(i * stride), guard, guard_install) != 0) return none;
    *stacks.at((i + 1) * stride - 64) = 1;
  }
  return static_cast<double>(cpu_ns() - start) / static_cast<double>(count);
}

}  // namespace bench
