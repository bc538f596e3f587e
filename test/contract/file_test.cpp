// SPDX-License-Identifier: MIT
// Reading and writing what is no socket: files, pipes, terminals.
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace motet::contract {
namespace {

/// A descriptor of the test's own, of which no backend is told.
class own_fd {
 public:
  explicit own_fd(int fd) : fd_(fd) { REQUIRE(fd >= 0); }
  own_fd(const own_fd&) = delete;
  own_fd& operator=(const own_fd&) = delete;
  ~own_fd() { close(); }
  operator int() const { return fd_; }  // NOLINT(google-explicit-constructor)
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return ends;
}

struct a_pipe {
  std::array<int, 2> ends = make_pipe();
  own_fd out{ends[0]};
  own_fd in{ends[1]};
};

int make_file() {
  std::string name = "file_test_XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  ::unlink(name.c_str());
  return fd;
}

void on_each_kernel(const std::function<void(host&)>& scenario) {
  on_each_backend([&](host& on) {
    if (!on->simulated()) scenario(on);
  });
}

struct reading {
  std::array<char, 64> space{};
  operation op;
  explicit reading(int fd, std::size_t size = 64, std::int64_t offset = current_offset)
      : op{read_request{fd, std::as_writable_bytes(std::span(space).first(size)),
                        offset}} {}
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  /// What came, or the error's number.
  [[nodiscard]] std::string text() const {
    if (op.result < 0) return std::to_string(op.result);
    return {space.data(), static_cast<std::size_t>(op.result)};
  }
};

std::string read(host& on, int fd, std::size_t size = 64,
                 std::int64_t offset = current_offset) {
  reading one(fd, size, offset);
  on->submit(one.op);
  on.collect({&one.op});
  return one.text();
}

std::int32_t write(host& on, int fd, std::string_view text,
                   std::int64_t offset = current_offset) {
  return on.perform(write_request{fd, bytes_of(text), offset});
}

TEST_SUITE("contract: pipes and terminals") {
  TEST_CASE("a read waits for a write, and ends when all writers are gone") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading first(pipe.out);
      on->submit(first.op);
      CHECK(on.quiet());
      CHECK(on->in_flight() == 1);
      CHECK(write(on, pipe.in, "ut re") == 5);
      on.collect({&first.op});
      CHECK(first.text() == "ut re");
      CHECK((::fcntl(pipe.out, F_GETFL) & O_NONBLOCK) == 0);
      CHECK(::write(pipe.in, "mi fa", 5) == 5);
      CHECK(read(on, pipe.out, 2) == "mi");
      reading second(pipe.out);
      pipe.in.close();
      CHECK(read(on, pipe.out) == " fa");
      on->submit(second.op);
      on.collect({&second.op});
      CHECK(second.op.result == 0);
    });
  }

  TEST_CASE("a cancelled read takes nothing") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading given_up(pipe.out);
      on->submit(given_up.op);
      CHECK(on.quiet());
      on->cancel(given_up.op);
      CHECK(on->in_flight() == 1);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      CHECK(write(on, pipe.in, "sol") == 3);
      CHECK(read(on, pipe.out) == "sol");
    });
  }

  TEST_CASE("several reads of one pipe get bytes of their own each") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      reading first(pipe.out, 2);
      reading second(pipe.out, 2);
      on->submit(first.op);
      on->submit(second.op);
      CHECK(on.quiet());
      CHECK(write(on, pipe.in, "utre") == 4);
      on.collect({&first.op, &second.op});
      // Which comes first is up to the kernel.
      const bool in_order = first.text() == "ut";
      CHECK(first.text() == (in_order ? "ut" : "re"));
      CHECK(second.text() == (in_order ? "re" : "ut"));
    });
  }

  TEST_CASE("a write waits for room, of which it takes what there is") {
    on_each_kernel([](host& on) {
      a_pipe pipe;
      const std::vector<std::byte> block(std::size_t{64} * 1024);
      REQUIRE(::write(pipe.in, block.data(), block.size()) == 65'536);
      operation given_up{write_request{pipe.in, block}};
      on->submit(given_up);
      CHECK(on.quiet());
      on->cancel(given_up);
      on.collect({&given_up});
      CHECK(given_up.result == -ECANCELED);
      operation waiting{write_request{pipe.in, block}};
      on->submit(waiting);
      CHECK(on.quiet());
      std::array<std::byte, 3 * PIPE_BUF> space{};
      REQUIRE(::read(pipe.out, space.data(), space.size()) == 3 * PIPE_BUF);
      on.collect({&waiting});
      CHECK(waiting.result > 0);
      CHECK(waiting.result <= 3 * PIPE_BUF);
    });
  }

  TEST_CASE("nobody to read it is an error and no signal") {
    on_each_kernel([](host& on) {
      struct sigaction usual {};
      struct sigaction before {};
      usual.sa_handler = SIG_DFL;
      REQUIRE(::sigaction(SIGPIPE, &usual, &before) == 0);
      a_pipe pipe;
      pipe.out.close();
      CHECK(write(on, pipe.in, "la") == -EPIPE);
      const connection pair = on.connect();
      on.close(pair.far);
      CHECK(on.receive(pair.near).empty());
      std::int32_t result = 0;
      for (int i = 0; i < 10'000 && result >= 0; ++i)
        result = write(on, pair.near, "la");
      CHECK((result == -EPIPE || result == -ECONNRESET));
      CHECK(write(on, pair.near, "la") == -EPIPE);
      sigset_t pending{};
      REQUIRE(::sigpending(&pending) == 0);
      CHECK(::sigismember(&pending, SIGPIPE) == 0);
      ::sigaction(SIGPIPE, &before, nullptr);
    });
  }

  TEST_CASE("a number that is used again behind its back is looked at again") {
    on_each_kernel([](host& on) {
      for (int round = 0; round < 3; ++round) {
        a_pipe pipe;
        reading waiting(pipe.out);
        on->submit(waiting.op);
        CHECK(on.quiet());
        CHECK(::write(pipe.in, "ut", 2) == 2);
        on.collect({&waiting.op});
        CHECK(waiting.text() == "ut");
      }
    });
  }

  TEST_CASE("a terminal is read line by line") {
    on_each_kernel([](host& on) {
      const own_fd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
      REQUIRE(::grantpt(keyboard) == 0);
      REQUIRE(::unlockpt(keyboard) == 0);
      std::array<char, 64> name{};
      REQUIRE(::ptsname_r(keyboard, name.data(), name.size()) == 0);
      const own_fd terminal(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
      reading given_up(terminal);
      on->submit(given_up.op);
      CHECK(on.quiet());
      on->cancel(given_up.op);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      reading line(terminal);
      on->submit(line.op);
      CHECK(::write(keyboard, "ut", 2) == 2);
      CHECK(on.quiet());
      CHECK(write(on, keyboard, " re\n") == 4);
      on.collect({&line.op});
      CHECK(line.text() == "ut re\n");
      CHECK(write(on, terminal, "mi") == 2);
    });
  }

  TEST_CASE("sockets can be read and written, too") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      reading first(pair.far);
      on->submit(first.op);
      CHECK(on.quiet());
      CHECK(write(on, pair.near, "ut") == 2);
      on.collect({&first.op});
      CHECK(first.text() == "ut");
      reading given_up(pair.far);
      on->submit(given_up.op);
      on->cancel(given_up.op);
      on.collect({&given_up.op});
      CHECK(given_up.op.result == -ECANCELED);
      CHECK(read(on, pair.far, 8, 5) == std::to_string(-ESPIPE));
      on.close(pair.near);
      CHECK(read(on, pair.far).empty());
    });
  }
}

TEST_SUITE("contract: files") {
  TEST_CASE("bytes are where they were written") {
    on_each_kernel([](host& on) {
      const own_fd file(make_file());
      CHECK(write(on, file, "ut re mi", 0) == 8);
      CHECK(write(on, file, "RE", 3) == 2);
      CHECK(read(on, file, 5, 3) == "RE mi");
      CHECK(read(on, file, 64, 6) == "mi");
      CHECK(read(on, file, 64, 8).empty());
      CHECK(read(on, file, 64, 1000).empty());
      CHECK(read(on, file, 0, 0).empty());
    });
  }

  TEST_CASE("without an offset, the file's own moves on") {
    on_each_kernel([](host& on) {
      const own_fd file(make_file());
      CHECK(write(on, file, "ut re") == 5);
      CHECK(write(on, file, " mi") == 3);
      CHECK(read(on, file).empty());
      REQUIRE(::lseek(file, 1, SEEK_SET) == 1);
      CHECK(read(on, file, 3) == "t r");
      CHECK(read(on, file, 2, 0) == "ut");
      CHECK(read(on, file) == "e mi");
      CHECK(::lseek(file, 0, SEEK_CUR) == 8);
    });
  }

  TEST_CASE("many transfers at a time all come back, each with its own bytes") {
    on_each_kernel([](host& on) {
      constexpr std::size_t count = 200;
      const own_fd file(make_file());
      std::vector<std::array<char, 2>> texts(count);
      std::vector<operation> writes(count);
      std::vector<operation*> all;
      for (std::size_t i = 0; i < count; ++i) {
        texts[i] = {static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26)};
        writes[i].what = write_request{file, std::as_bytes(std::span(texts[i])),
                                       static_cast<std::int64_t>(2 * i)};
        on->submit(writes[i]);
        all.push_back(&writes[i]);
      }
      CHECK(on->in_flight() == count);
      on.collect(all);
      CHECK(on->in_flight() == 0);
      std::vector<std::unique_ptr<reading>> reads;
      all.clear();
      for (std::size_t i = 0; i < count; ++i) {
        reads.push_back(
            std::make_unique<reading>(file, 2, static_cast<std::int64_t>(2 * i)));
        on->submit(reads[i]->op);
        all.push_back(&reads[i]->op);
      }
      on.collect(all);
      for (std::size_t i = 0; i < count; ++i) {
        CHECK(writes[i].result == 2);
        CHECK(reads[i]->text() == std::string(texts[i].data(), 2));
      }
    });
  }

  TEST_CASE("a cancelled transfer is whole, or has had no effect") {
    on_each_kernel([](host& on) {
      constexpr std::size_t count = 100;
      const own_fd file(make_file());
      const std::vector<std::byte> block(4096, std::byte{'x'});
      std::vector<operation> writes(count);
      std::vector<operation*> all;
      for (std::size_t i = 0; i < count; ++i) {
        writes[i].what =
            write_request{file, block, static_cast<std::int64_t>(i * block.size())};
        on->submit(writes[i]);
        all.push_back(&writes[i]);
      }
      for (std::size_t i = count; i > 0; --i) {
        on->cancel(writes[i - 1]);
        on->cancel(writes[i - 1]);
      }
      CHECK(on->in_flight() == count);
      on.collect(all);
      CHECK(on->in_flight() == 0);
      CHECK(on.quiet());
      for (std::size_t i = 0; i < count; ++i) {
        std::array<char, 1> there{};
        const auto from = static_cast<off_t>(i * block.size());
        (void)::pread(file, there.data(), 1, from);
        const bool written = writes[i].result == 4096;
        CHECK((written || writes[i].result == -ECANCELED));
        CHECK((there[0] == 'x') == written);
      }
    });
  }

  TEST_CASE("a file that is closed is written to all the same, and no other") {
    on_each_kernel([](host& on) {
      constexpr std::size_t count = 50;
      const own_fd file(make_file());
      const int second = ::fcntl(file, F_DUPFD_CLOEXEC, 0);
      REQUIRE(second >= 0);
      std::vector<operation> writes(count);
      std::vector<operation*> all;
      for (std::size_t i = 0; i < count; ++i) {
        writes[i].what = write_request{second, bytes_of("x"), static_cast<off_t>(i)};
        on->submit(writes[i]);
        all.push_back(&writes[i]);
      }
      on.close(second);
      const own_fd other(make_file());
      CHECK(other == second);
      on->cancel(writes[count - 1]);
      on.collect(all);
      for (std::size_t i = 0; i + 1 < count; ++i)
        CHECK(writes[i].result == 1);
      CHECK(::lseek(file, 0, SEEK_END) >= static_cast<off_t>(count) - 1);
      CHECK(::lseek(other, 0, SEEK_END) == 0);
    });
  }

  TEST_CASE("errors are results") {
    on_each_backend([](host& on) {
      CHECK(read(on, -1) == std::to_string(-EBADF));
      CHECK(read(on, 999'999) == std::to_string(-EBADF));
      CHECK(write(on, -1, "ut") == -EBADF);
      CHECK(write(on, 999'999, "ut", 0) == -EBADF);
      if (on->simulated()) return;
      const own_fd directory(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      CHECK(read(on, directory) == std::to_string(-EISDIR));
      CHECK(write(on, directory, "ut") == -EBADF);
      const own_fd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
      CHECK(read(on, zeros, 4) == std::string(4, '\0'));
      CHECK(write(on, zeros, "ut") == -EBADF);
    });
  }

  TEST_CASE("what is under way does not keep others from it") {
    on_each_kernel([](host& on) {
      const own_fd file(make_file());
      CHECK(write(on, file, "ut") == 2);
      a_pipe pipe;
      reading parked(pipe.out);
      reading from_file(file, 2, 0);
      on->submit(parked.op);
      on->submit(from_file.op);
      on.collect({&from_file.op});
      CHECK(from_file.text() == "ut");
      on->cancel(parked.op);
      on.collect({&parked.op});
      CHECK(parked.op.result == -ECANCELED);
    });
  }
}

}  // namespace
}  // namespace motet::contract
