// SPDX-License-Identifier: MIT
// Reading and writing files.
#include "test/contract/reading.hpp"
#include "test/support/own_directory.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet::contract {
namespace {

int make_file() {
  std::string name = "file_test_XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  ::unlink(name.c_str());
  return fd;
}

using test::own_directory;

std::int32_t open(host& on, const std::string& path, int flags, unsigned mode = 0600) {
  return on.perform(open_request{working_directory, path.c_str(), flags, mode});
}

/// The file's size, or the error's number.
std::int64_t size_of(host& on, const std::string& path) {
  struct statx about {};
  const std::int32_t failed =
      on.perform(stat_request{working_directory, path.c_str(), 0, &about});
  return failed != 0 ? failed : static_cast<std::int64_t>(about.stx_size);
}

std::vector<iovec> pieces_of(std::vector<std::string>& texts) {
  std::vector<iovec> pieces;
  for (std::string& each : texts)
    pieces.push_back({each.data(), each.size()});
  return pieces;
}

TEST_SUITE("contract: files") {
  TEST_CASE("files are made, looked at, renamed and removed") {
    on_each_backend([](host& on) {
      const own_directory here;
      const std::string name = here / "one";
      CHECK(open(on, name, O_RDONLY) == -ENOENT);
      const own_fd file(open(on, name, O_RDWR | O_CREAT | O_EXCL, 0640));
      CHECK(open(on, name, O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
      CHECK(::fcntl(file, F_GETFD) == FD_CLOEXEC);
      CHECK(write(on, file, "ut re mi", 0) == 8);
      CHECK(read(on, file, 5, 3) == "re mi");
      CHECK(on.perform(sync_request{file, true}) == 0);
      CHECK(on.perform(sync_request{file, false}) == 0);
      CHECK(size_of(on, name) == 8);
      CHECK(on.perform(truncate_request{file, 5}) == 0);
      struct statx about {};
      CHECK(on.perform(stat_request{file, "", AT_EMPTY_PATH, &about}) == 0);
      CHECK(about.stx_size == 5);
      CHECK((about.stx_mode & 0777) == 0640);
      const std::string other = here / "other";
      CHECK(on.perform(rename_request{working_directory, name.c_str(), other.c_str()}) ==
            0);
      CHECK(size_of(on, name) == -ENOENT);
      CHECK(size_of(on, other) == 5);
      const auto remove = [&](const std::string& path, bool is_directory) {
        return on.perform(remove_request{working_directory, path.c_str(), is_directory});
      };
      CHECK(remove(other, true) == -ENOTDIR);
      CHECK(remove(other, false) == 0);
      CHECK(remove(other, false) == -ENOENT);
      const std::string inner = here / "inner";
      const make_directory_request make{working_directory, inner.c_str(), 0700};
      CHECK(on.perform(make) == 0);
      CHECK(on.perform(make) == -EEXIST);
      CHECK(remove(inner, false) == -EISDIR);
      CHECK(remove(inner, true) == 0);
    });
  }

  TEST_CASE("several buffers are one transfer") {
    on_each_backend([](host& on) {
      const own_directory here;
      const own_fd file(open(on, here / "one", O_RDWR | O_CREAT));
      std::vector<std::string> texts{"ut", "", " re", " mi"};
      const std::vector<iovec> from = pieces_of(texts);
      CHECK(on.perform(write_pieces_request{file, from, 1}) == 8);
      std::vector<std::string> rooms{"....", "........"};
      const std::vector<iovec> into = pieces_of(rooms);
      CHECK(on.perform(read_pieces_request{file, into, 1}) == 8);
      CHECK(rooms[0] == "ut r");
      CHECK(rooms[1] == "e mi....");
      CHECK(on.perform(read_pieces_request{file, into}) == 9);
      CHECK(on.perform(read_pieces_request{file, into}) == 0);
      CHECK(on.perform(write_pieces_request{-1, from, 1}) == -EBADF);
      CHECK(on.perform(read_pieces_request{file, {}, 1}) == 0);
    });
  }

  TEST_CASE("a directory tells what is in it") {
    on_each_backend([](host& on) {
      const own_directory here;
      std::vector<std::unique_ptr<own_fd>> files;
      for (int i = 0; i < 20; ++i)
        files.push_back(std::make_unique<own_fd>(
            open(on, here / std::to_string(i), O_RDWR | O_CREAT)));
      const own_fd list(open(on, here / "", O_RDONLY | O_DIRECTORY));
      alignas(8) std::array<std::byte, 256> room{};
      std::int32_t got = 0;
      int entries = 0;
      while ((got = on.perform(list_request{list, room})) > 0) {
        for (std::int32_t at = 0; at < got; ++entries) {
          std::uint16_t length = 0;  // after the inode and the offset (getdents64(2))
          std::memcpy(&length, room.data() + at + 16, sizeof length);
          at += length;
        }
      }
      CHECK(got == 0);
      CHECK(entries == 22);  // with . and ..
      CHECK(on.perform(list_request{*files[0], room}) == -ENOTDIR);
    });
  }

  TEST_CASE("opening a FIFO does not wait for its other end") {
    on_each_backend([](host& on) {
      const own_directory here;
      const std::string name = here / "fifo";
      REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
      CHECK(open(on, name, O_WRONLY) == -ENXIO);
      const own_fd reader(open(on, name, O_RDONLY));
      const own_fd writer(open(on, name, O_WRONLY));
      CHECK((::fcntl(reader, F_GETFL) & O_NONBLOCK) != 0);
    });
  }

  TEST_CASE("what is cancelled has happened or has not, and a descriptor comes back") {
    on_each_backend([](host& on) {
      constexpr std::size_t count = 40;
      const own_directory here;
      std::vector<std::string> names;
      std::vector<operation> opens(count);
      std::vector<operation*> all;
      for (std::size_t i = 0; i < count; ++i)
        names.push_back(here / std::to_string(i));
      for (std::size_t i = 0; i < count; ++i) {
        opens[i].what =
            open_request{working_directory, names[i].c_str(), O_RDWR | O_CREAT, 0600};
        on->submit(opens[i]);
        all.push_back(&opens[i]);
      }
      for (std::size_t i = count; i > 0; --i)
        on->cancel(opens[i - 1]);
      on.collect(all);
      CHECK(on.quiet());
      for (std::size_t i = 0; i < count; ++i) {
        const bool made = opens[i].result >= 0;
        CHECK((made || opens[i].result == -ECANCELED));
        if (made) CHECK(::close(opens[i].result) == 0);
        CHECK((::access(names[i].c_str(), F_OK) == 0) == made);
      }
    });
  }

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
