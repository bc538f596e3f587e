// SPDX-License-Identifier: MIT
// Kernels that have io_uring and refuse a part of it.
#include "backend/make_backend.hpp"
#include "backend/uring/uring_backend.hpp"
#include "test/contract/host.hpp"
#include "test/kernel/child.hpp"
#include "test/support/seccomp.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

/// Operations that the kernel is to allow in rings made from now on; null: all of them.
const std::vector<io_uring_op>* allowed = nullptr;
/// What the next io_uring_enter without IORING_ENTER_GETEVENTS is to fail with.
std::optional<int> next_submit_fails;

int restrict_ring(io_uring& ring) {
  std::vector<io_uring_restriction> all;
  for (const io_uring_op each : *allowed) {
    io_uring_restriction one{};
    one.opcode = IORING_RESTRICTION_SQE_OP;
    one.sqe_op = static_cast<std::uint8_t>(each);
    all.push_back(one);
  }
  io_uring_restriction flags{};
  flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  flags.sqe_flags = IOSQE_CQE_SKIP_SUCCESS;
  all.push_back(flags);
  const long failed = ::syscall(SYS_io_uring_register, ring.ring_fd,
                                IORING_REGISTER_RESTRICTIONS, all.data(), all.size());
  if (failed != 0) return -errno;
  const int enable = IORING_REGISTER_ENABLE_RINGS;
  return ::syscall(SYS_io_uring_register, ring.ring_fd, enable, 0, 0) == 0 ? 0 : -errno;
}

}  // namespace

// These stand before those of the library, and call them.

extern "C" int io_uring_queue_init_params(unsigned entries, io_uring* ring,
                                          io_uring_params* params) {
  static auto* const next = reinterpret_cast<decltype(&io_uring_queue_init_params)>(
      ::dlsym(RTLD_NEXT, "io_uring_queue_init_params"));
  if (allowed == nullptr) return next(entries, ring, params);
  params->flags |= IORING_SETUP_R_DISABLED;
  const int failed = next(entries, ring, params);
  return failed < 0 ? failed : restrict_ring(*ring);
}

extern "C" int io_uring_enter2(unsigned fd, unsigned submit, unsigned wait,
                               unsigned flags, sigset_t* mask, std::size_t size) {
  static auto* const next =
      reinterpret_cast<decltype(&io_uring_enter2)>(::dlsym(RTLD_NEXT, "io_uring_enter2"));
  if (next_submit_fails && (flags & IORING_ENTER_GETEVENTS) == 0) {
    const int failure = *next_submit_fails;
    next_submit_fails.reset();
    return -failure;
  }
  return next(fd, submit, wait, flags, mask, size);
}

namespace motet::contract {
namespace {

/// A backend on a ring for which the kernel allows nothing else.
std::unique_ptr<backend> make_restricted(const std::vector<io_uring_op>& operations) {
  struct while_made {
    ~while_made() { allowed = nullptr; }
  } const restores;
  allowed = &operations;
  return make_uring_backend();
}

const registered polls_only("uring where only polls are allowed", [] {
  return make_restricted({IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL});
});

const registered no_receive("uring where no receive is allowed", [] {
  return make_restricted({IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_READ,
                          IORING_OP_SEND, IORING_OP_ACCEPT, IORING_OP_CONNECT});
});

std::string refusal_of(const std::vector<io_uring_op>& operations) {
  try {
    (void)make_restricted(operations);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "none";
}

bool contains(std::string_view all, std::string_view part) {
  return all.find(part) != all.npos;
}

std::string failure_of_automatic() {
  try {
    (void)make_backend(engine::automatic);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "none";
}

TEST_SUITE("uring: refusals") {
  TEST_CASE("what cannot be done without is named") {
    CHECK(contains(refusal_of({IORING_OP_POLL_ADD, IORING_OP_READ}), "ASYNC_CANCEL"));
    CHECK(contains(refusal_of({IORING_OP_ASYNC_CANCEL, IORING_OP_READ}), "POLL_ADD"));
  }

  TEST_CASE("a wake that comes up while room is made is not lost") {
    host on(make_uring_backend({.queues = {2, 4, true}}));
    const poll_request nothing{on.listen(), POLLIN};
    CHECK(on->poll(time_point::min()) == nullptr);
    on->wake();
    std::vector<operation> all(3, operation{nothing});
    next_submit_fails = EBUSY;
    for (operation& op : all)
      on->submit(op);
    REQUIRE(!next_submit_fails);  // for the third, which has found the queue full
    const time_point too_late = on->now() + 5s;
    CHECK(on->poll(too_late) == nullptr);
    CHECK(on->now() < too_late);
    for (operation& op : all) {
      on->cancel(op);
      on.collect({&op});
    }
  }

  TEST_CASE("without io_uring_register, all goes on") {
    test::child silent([](int to) {
      test::refuse_calls({SYS_io_uring_register}, EPERM);
      ::unsetenv("MOTET_BACKEND");
      test::say(to, make_backend(engine::automatic)->name());
    });
    CHECK(silent.wait().said == "uring");
  }

  TEST_CASE("a ring that may be made and not used is refused in time") {
    test::child refused([](int to) {
      test::refuse_calls({SYS_io_uring_enter}, EPERM);
      try {
        (void)make_backend(engine::uring);
      } catch (const std::system_error& error) {
        test::say(to, error.what());
      }
    });
    const std::string said = refused.wait().said;
    CHECK(contains(said, "io_uring_enter failed: it is forbidden here"));
    CHECK(contains(said, "Operation not permitted"));
  }

  TEST_CASE("io_uring that is forbidden after the start is fatal, and said") {
    test::child killed([](int) {
      const auto on = make_uring_backend();
      test::refuse_calls(test::uring_calls, EPERM);
      (void)on->poll(on->now() + 1h);
    });
    const test::death how = killed.wait();
    CHECK(how.signal == SIGABRT);
    CHECK(how.said ==
          "motet: io_uring: forbidden now, though not when the program began to run: "
          "Operation not permitted\n");
  }

  TEST_CASE("a process that falls back says so once, on however many threads") {
    test::child told([](int to) {
      test::refuse_calls(test::uring_calls, EPERM);
      ::unsetenv("MOTET_BACKEND");
      const auto make = [to] {
        const std::string failure = failure_of_automatic();
        if (failure != "none") test::say(to, "refused: " + failure);
      };
      make();
      make();
      std::thread(make).join();
    });
    const std::string said = told.wait().said;
    if (contains(said, "this build of motet has only io_uring")) return;
    CHECK(
        said.starts_with("motet: running on libev (epoll): io_uring_setup with 256 "
                         "entries failed: Operation not permitted: it is forbidden"));
    CHECK(said.ends_with("; MOTET_BACKEND=libev silences this\n"));
    CHECK(said.find('\n') == said.size() - 1);
  }

  TEST_CASE("a name insisted on is not replaced") {
    test::child refused([](int to) {
      test::refuse_calls(test::uring_calls, ENOSYS);
      ::setenv("MOTET_BACKEND", "uring", 1);
      test::say(to, failure_of_automatic());
    });
    CHECK(refused.wait().said ==
          "MOTET_BACKEND asks for io_uring, but io_uring_setup with 256 entries failed: "
          "this kernel has none, or hides it: Linux 6.1 or newer would help: Function "
          "not implemented");
  }

  TEST_CASE("a list of what to avoid is read") {
    CHECK(opcodes_named("").empty());
    const opcode_set some = opcodes_named("recv,accept");
    CHECK(some.contains(IORING_OP_RECV));
    CHECK(some.contains(IORING_OP_ACCEPT));
    CHECK_FALSE(some.contains(IORING_OP_SEND));
    test::child wrong([](int to) {
      ::unsetenv("MOTET_BACKEND");
      ::setenv("MOTET_URING_WITHOUT", "recv,poll_add", 1);
      test::say(to, failure_of_automatic());
    });
    CHECK(wrong.wait().said ==
          "MOTET_URING_WITHOUT names 'poll_add', which is none of accept, connect, recv, "
          "send, sendmsg, recvmsg, read, write, readv, writev, openat, statx, fsync, "
          "ftruncate, renameat, unlinkat, mkdirat: Invalid argument");
  }
}

}  // namespace
}  // namespace motet::contract
