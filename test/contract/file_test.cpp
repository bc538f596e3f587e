// SPDX-License-Identifier: MIT
// Reading and writing files.
#include "test/contract/reading.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace motet::contract {
namespace {

int make_file() {
  std::string name = "file_test_XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  ::unlink(name.c_str());
  return fd;
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
      const connection pair = on.connect();
      reading parked(pair.far);
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
