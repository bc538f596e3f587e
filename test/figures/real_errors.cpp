// SPDX-License-Identifier: MIT
#include "test/figures/real_errors.hpp"

#include "test/figures/io_operations.hpp"

#include <motet/finally.hpp>
#include <motet/run.hpp>
#include <motet/scope.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace motet::test {
namespace {

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::system_category(), what);
}

template <class Value>
void set_option(int fd, int level, int name, const Value& value, const char* what) {
  check(::setsockopt(fd, level, name, &value, sizeof value), what);
}

int socket_of(const io_operation& what, const workbench& with) {
  return what.at_door ? with.door.native_handle() : with.near.native_handle();
}

// --- One function for each condition: it comes up from here to the end of the run ------

/// No descriptor is free any more.
void use_up_descriptors(scope& s, const io_operation& what, workbench& with) {
  what.prepare(with);
  const int first_free = ::dup(0);
  check(first_free, "dup");
  ::close(first_free);
  rlimit limit{};
  check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  const rlim_t usual = limit.rlim_cur;
  limit.rlim_cur = static_cast<rlim_t>(first_free);
  check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  s.spin([usual] {
    const finally free_them([usual] {
      rlimit again{};
      ::getrlimit(RLIMIT_NOFILE, &again);
      again.rlim_cur = usual;
      ::setrlimit(RLIMIT_NOFILE, &again);
    });
    sleep(20ms);
  });
  yield();
}

/// The number is no descriptor: somebody else has closed it.
void close_behind_its_back(scope&, const io_operation& what, workbench& with) {
  what.prepare(with);
  check(::close(socket_of(what, with)), "close");
}

/// The other end closes without reading, and says so.
void reset_by_peer(scope&, const io_operation&, workbench& with) {
  set_option(with.far.native_handle(), SOL_SOCKET, SO_LINGER, linger{1, 0}, "linger");
  with.far.close();
}

void stop_sending(scope&, const io_operation&, workbench& with) {
  with.near.shutdown_send();
}

/// The other end is not there any more, and does not even say so.
void lose_peer(scope&, const io_operation& what, workbench& with) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  set_option(with.far.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER,
             sock_fprog{1, &nothing}, "filter");
  set_option(with.near.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, 20, "timeout");
  with.near.write("lost");
  // The kernel looks at its timers when it sends again, some 200 ms later.
  if (what.kind != testing::call::read) sleep(2s);
}

/// What the operation needs comes while it waits.
void prepare_later(scope& s, const io_operation& what, workbench& with) {
  s.spin([&what, &with] {
    sleep(20ms);
    what.prepare(with);
  });
}

/// The socket says that it would block, in place of blocking.
void do_not_block(scope& s, const io_operation& what, workbench& with) {
  const int fd = socket_of(what, with);
  check(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl");
  prepare_later(s, what, with);
}

/// A signal comes each millisecond.
void interrupt(scope& s, const io_operation& what, workbench& with) {
  struct sigaction heard {};
  heard.sa_handler = [](int) {};
  check(::sigaction(SIGALRM, &heard, nullptr), "sigaction");
  const itimerval often{{0, 1000}, {0, 1000}};
  check(::setitimer(ITIMER_REAL, &often, nullptr), "setitimer");
  prepare_later(s, what, with);
}

/// The other end sends a byte when the one before has been read.
void send_slowly(scope& s, const io_operation&, workbench& with) {
  s.spin([&with] {
    for (const char c : std::string_view("hello\n")) {
      with.far.write(std::string_view(&c, 1));
      int unread = 1;
      while (unread > 0) {
        sleep(1ms);
        check(::ioctl(with.near.native_handle(), FIONREAD, &unread), "ioctl");
      }
    }
    with.far.shutdown_send();
  });
}

// --- Which of them at which operation --------------------------------------------------

using provocation = void (*)(scope&, const io_operation&, workbench&);

struct plan {
  int condition;
  provocation provoke;
  std::vector<const char*> operations;
};

const io_operation& find(std::string_view name) {
  for (const io_operation& each : io_operations())
    if (each.name == name) return each;
  throw std::logic_error("no such operation: " + std::string(name));
}

std::vector<plan> plans() {
  const std::vector reads{"read", "read_exactly", "recv_loop", "lines"};
  const std::vector writes{"write", "write (pieces)", "write_some"};
  const std::vector transfers{"read",  "read_exactly",   "recv_loop", "lines",
                              "write", "write (pieces)", "write_some"};
  const std::vector waits{"accept",       "accept_loop", "read",
                          "read_exactly", "recv_loop",   "lines"};
  return {
      {EMFILE, &use_up_descriptors, {"accept", "accept_loop", "connect", "listen"}},
      {EBADF, &close_behind_its_back, transfers},
      {EBADF, &close_behind_its_back, {"accept", "accept_loop", "shutdown_send"}},
      {ECONNRESET, &reset_by_peer, transfers},
      {EPIPE, &stop_sending, writes},
      {ETIMEDOUT, &lose_peer, transfers},
      {EAGAIN, &do_not_block, waits},
      {EINTR, &interrupt, waits},
      {0, &send_slowly, reads},
  };
}

real_cell observe_one(backend_kind on, const io_operation& what, const plan& p) {
  real_cell cell{"", what.name, p.condition, ""};
  motet::run({.backend = on, .signals = signal_policy::none}, [&] {
    cell.backend = backend_name();
    workbench with;
    with_scope([&](scope& s) {
      p.provoke(s, what, with);
      // Real time passes anyway, and more of it on a busy machine.
      const duration pause = p.condition == EMFILE ? 100ms : 1min;
      cell.seen = observe(what, with, p.condition, pause);
      s.cancel();
    });
  });
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  return cell;
}

bool is_there(backend_kind kind) {
  try {
    motet::run({.backend = kind, .signals = signal_policy::none}, [] {});
    return true;
  } catch (const std::system_error& refused) {
    std::printf("F5: not for real: %s\n", refused.what());
    return false;
  }
}

}  // namespace

std::vector<real_cell> observe_for_real() {
  std::vector<real_cell> all;
  for (const backend_kind on : {backend_kind::uring, backend_kind::libev}) {
    if (!is_there(on)) continue;
    for (const plan& p : plans())
      for (const char* const name : p.operations)
        all.push_back(observe_one(on, find(name), p));
  }
  return all;
}

}  // namespace motet::test
