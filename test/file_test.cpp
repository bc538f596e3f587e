// SPDX-License-Identifier: MIT
// Files and directories, which are real ones on every backend.
#include "test/support/own_directory.hpp"

#include <motet/cancel.hpp>
#include <motet/directory.hpp>
#include <motet/fiber.hpp>
#include <motet/file.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>
#include <motet/time.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace motet;

namespace {

/// Runs `f` with a directory of the test's own, which goes with it.
void run_in_directory(const std::function<void(const std::string& path)>& f) {
  const test::own_directory here;
  run([&] { f(here / ""); });
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr open_options for_all{.write = true, .create = true};

std::string content_of(const std::string& path) {
  file f = file::open(path);
  std::array<std::byte, 256> room{};
  return text_in(f.read_exactly(room));
}

/// The text of the error that `f` throws.
std::string failure_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::system_error& e) {
    return e.what();
  }
  return "none";
}

TEST_SUITE("file") {
  TEST_CASE("bytes are where they were written") {
    run_in_directory([](const std::string& here) {
      file f = file::open(here + "one", for_all);
      std::array<std::byte, 64> room{};
      f.pwrite("ut re mi", 0);
      f.pwrite("RE", 3);
      CHECK(text_in(f.pread(std::span(room).first(5), 3)) == "RE mi");
      CHECK(text_in(f.pread(room, 6)) == "mi");
      CHECK(f.pread(room, 8).empty());
      CHECK(f.pread(room, 1000).empty());
      CHECK(text_in(f.pread_exactly(std::span(room).first(4), 0)) == "ut R");
      CHECK(text_in(f.read(std::span(room).first(2))) == "ut");
      f.write("...");
      CHECK(text_in(f.read_exactly(room)) == " mi");
      CHECK(f.read(room).empty());
      CHECK(content_of(here + "one") == "ut... mi");
      f.truncate(2);
      CHECK(f.stat().size == 2);
      f.fsync();
      f.fdatasync();
      f.close();
      CHECK(!f);
      CHECK(failure_of([&] { f.write("x"); }) ==
            "write to " + here + "one: Bad file descriptor");
    });
  }

  TEST_CASE("several buffers are one transfer, and are counted") {
    run_in_directory([](const std::string& here) {
      file f = file::open(here + "one", for_all);
      const std::array<std::span<const std::byte>, 3> from{bytes_of("ut"), bytes_of(""),
                                                           bytes_of(" re mi")};
      f.write(from);
      f.pwrite(from, 8);
      CHECK(content_of(here + "one") == "ut re miut re mi");
      std::array<std::byte, 4> near{};
      std::array<std::byte, 64> far{};
      const std::array<std::span<std::byte>, 2> into{near, far};
      CHECK(f.pread(into, 3) == 13);
      CHECK(text_in(near) + text_in(std::span(far).first(9)) == "re miut re mi");
      CHECK(f.read(into) == 8);
      std::size_t done = 0;
      f.pwrite(bytes_of("fa"), 16, done);
      CHECK(done == 2);
      f.write(bytes_of("sol"), done);
      CHECK(done == 3);
      CHECK(text_in(f.read_exactly(std::span(far).first(0), done)).empty());
      CHECK(f.write_some(bytes_of("la")) == 2);
      const std::vector<std::span<const std::byte>> many(3000, bytes_of("x"));
      f.pwrite(many, 0);
      CHECK(f.stat().size == 3000);
    });
  }

  TEST_CASE("what a file is opened for") {
    run_in_directory([](const std::string& here) {
      const std::string name = here + "one";
      CHECK(failure_of([&] { (void)file::open(name); }) ==
            "open " + name + ": No such file or directory");
      std::error_code ec;
      CHECK_FALSE(file::open(name, {}, ec));
      CHECK(ec == std::errc::no_such_file_or_directory);
      file::open(name, {.write = true, .create = true, .permissions = 0600}).write("ut");
      file::open(name, {.read = false, .append = true}).write(" re");
      CHECK(content_of(name) == "ut re");
      CHECK(failure_of([&] {
              (void)file::open(name, {.write = true, .create = true, .exclusive = true});
            }) == "open " + name + ": File exists");
      file only_read = file::open(name, for_all, ec);
      CHECK_FALSE(ec);
      only_read = file::open(name);
      CHECK(only_read.name() == name);
      CHECK(failure_of([&] { only_read.write("x"); }) ==
            "write to " + name + ": Bad file descriptor");
      // Others may share it: no mode of its is left changed.
      CHECK((::fcntl(only_read.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
      CHECK(::fcntl(only_read.native_handle(), F_GETFD) == FD_CLOEXEC);
      CHECK(file::open(name, {.write = true, .truncate = true}).stat().size == 0);
      CHECK(file::open(here + "two", O_RDWR | O_CREAT, 0640).stat().permissions == 0640);
    });
  }

  TEST_CASE("what is known of a file") {
    run_in_directory([](const std::string& here) {
      file f = file::open(here + "one", {.write = true, .create = true});
      f.write("ut");
      REQUIRE(::chmod((here + "one").c_str(), 0604) == 0);
      REQUIRE(::symlink("one", (here + "link").c_str()) == 0);
      const file_stat told = file::stat(here + "link");
      CHECK(told == f.stat());
      CHECK(told.kind == file_kind::regular);
      CHECK(told.size == 2);
      CHECK(told.permissions == 0604);
      CHECK(told.links == 1);
      CHECK(told.modified > file_time() + std::chrono::hours(24 * 365 * 30));
      CHECK(told.user == ::geteuid());
      struct stat same {};
      REQUIRE(::stat((here + "one").c_str(), &same) == 0);
      CHECK(told.inode == same.st_ino);
      CHECK(told.device == same.st_dev);
      CHECK(told.modified.time_since_epoch() ==
            std::chrono::seconds(same.st_mtim.tv_sec) +
                std::chrono::nanoseconds(same.st_mtim.tv_nsec));
      CHECK(file::lstat(here + "link").kind == file_kind::symbolic_link);
      CHECK(file::stat(here).kind == file_kind::directory);
      std::error_code ec;
      (void)file::stat(here + "none", ec);
      CHECK(ec == std::errc::no_such_file_or_directory);
      CHECK(failure_of([&] { (void)file::lstat(here + "none"); }) ==
            "lstat " + here + "none: No such file or directory");
    });
  }

  TEST_CASE("names are given and taken, and directories walked") {
    run_in_directory([](const std::string& here) {
      directory::make(here + "inner", 0700);
      std::vector<directory_entry> expected;
      for (int i = 0; i < 1500; ++i) {
        const std::string name = "a file of some length " + std::to_string(i);
        (void)file::open(here + "inner/" + name, {.write = true, .create = true});
        expected.push_back({name, file_kind::regular});
      }
      directory::make(here + "inner/below");
      expected.push_back({"below", file_kind::directory});
      std::vector<directory_entry> found;
      for (const directory_entry& each : directory::list(here + "inner"))
        found.push_back(each);
      std::ranges::sort(found, {}, &directory_entry::name);
      std::ranges::sort(expected, {}, &directory_entry::name);
      CHECK(found == expected);
      CHECK(failure_of([&] { directory::remove(here + "inner"); }) ==
            "remove directory " + here + "inner: Directory not empty");
      file::rename(here + "inner/below", here + "below");
      directory::remove(here + "below");
      CHECK(failure_of([&] { file::rename(here + "below", here + "above"); }) ==
            "rename " + here + "below to " + here + "above: No such file or directory");
      file::unlink(here + "inner/" + expected[0].name);
      CHECK(failure_of([&] {
              file::unlink(here + "inner/" + expected[0].name);
            }).starts_with("unlink " + here));
      CHECK(failure_of([&] { (void)directory::list(here + "none"); }) ==
            "list " + here + "none: No such file or directory");
      CHECK(failure_of([&] { directory::make(here + "inner"); }) ==
            "make directory " + here + "inner: File exists");
    });
  }

  TEST_CASE("fibers read and write one file at a time") {
    run_in_directory([](const std::string& here) {
      file f = file::open(here + "one", for_all);
      std::vector<fiber<>> all;
      for (std::uint64_t i = 0; i < 50; ++i) {
        all.push_back(spin([&f, i] {
          const std::string mine = std::to_string(100 + i);
          f.pwrite(mine, 3 * i);
          std::array<std::byte, 3> room{};
          CHECK(text_in(f.pread(room, 3 * i)) == mine);
        }));
      }
      for (fiber<>& each : all)
        each.await();
      CHECK(f.stat().size == 150);
    });
  }

  TEST_CASE("a stop that is waiting is thrown first, and nothing has happened") {
    run_in_directory([](const std::string& here) {
      file f = file::open(here + "one", for_all);
      const std::vector<std::function<void()>> points{
          [&] { (void)file::open(here + "new", for_all); },
          [&] { f.write("x"); },
          [&] { f.pwrite("x", 0); },
          [&] { f.truncate(7); },
          [&] { file::rename(here + "one", here + "new"); },
          [&] { file::unlink(here + "one"); },
          [&] { directory::make(here + "new"); },
          [&] { directory::remove(here); },
          [&] { (void)directory::list(here); },
          [&] { (void)f.stat(); },
          [&] { f.fsync(); },
      };
      for (const auto& point : points) {
        bool stopped = false;
        (void)spin([&] {
          this_fiber::self().stop();
          try {
            point();
          } catch (const cancelled&) {
            stopped = true;
            throw;
          }
        }).outcome();
        CHECK(stopped);
      }
      CHECK(file::stat(here + "one").size == 0);
      std::error_code ec;
      (void)file::stat(here + "new", ec);
      CHECK(ec);
    });
  }

  TEST_CASE("a fiber stopped while the disk works has its result, or nothing happened") {
    run_in_directory([](const std::string& here) {
      const std::string block(100'000, 'x');
      for (int i = 0; i < 20; ++i) {
        const std::string name = here + std::to_string(i);
        bool opened = false;
        std::size_t done = 0;
        fiber<> worker = spin([&] {
          file f = file::open(name, for_all);
          opened = true;
          f.pwrite(bytes_of(block), 0, done);
        });
        for (int turns = 0; turns < i % 4; ++turns)
          yield();
        worker.stop();
        (void)worker.outcome();
        std::error_code ec;
        const file_stat left = file::stat(name, ec);
        // What was asked for first and stopped at once may have made the file, no more.
        CHECK((!ec || !opened));
        CHECK(left.size == done);
        CHECK((done == 0 || done == block.size()));
      }
    });
  }

  TEST_CASE("a walk that is stopped between two batches loses nothing") {
    run_in_directory([](const std::string& here) {
      constexpr std::size_t count = 1500;
      for (std::size_t i = 0; i < count; ++i)
        (void)file::open(here + "a file of some length " + std::to_string(i), for_all);
      std::size_t seen = 0;
      spin([&] {
        directory_range all = directory::list(here);
        auto at = all.begin();
        this_fiber::self().raise(std::runtime_error("meanwhile"));
        int thrown = 0;
        while (at != all.end()) {
          ++seen;
          try {
            ++at;
          } catch (const std::runtime_error&) {
            ++thrown;
            ++at;
          }
        }
        CHECK(thrown == 1);
      }).await();
      CHECK(seen == count);
    });
  }

  TEST_CASE("a FIFO is waited for, at either end") {
    run_in_directory([](const std::string& here) {
      const std::string name = here + "fifo";
      REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
      for (const bool reader_first : {true, false}) {
        std::string got;
        const auto read = [&] {
          file f = file::open(name);
          std::array<std::byte, 64> room{};
          got = text_in(f.read_exactly(room));
        };
        const auto write = [&] {
          file::open(name, {.read = false, .write = true}).write("ut re mi");
        };
        fiber<> first = reader_first ? spin(read) : spin(write);
        sleep(5ms);
        fiber<> second = reader_first ? spin(write) : spin(read);
        first.await();
        second.await();
        CHECK(got == "ut re mi");
      }
      for (const bool write : {true, false}) {
        fiber<> waits = spin([&] { (void)file::open(name, {!write, write}); });
        sleep(2ms);
        CHECK_FALSE(waits.done());  // it looks again every few milliseconds
        waits.stop();
        CHECK(waits.outcome().stopped());
      }
      CHECK(failure_of([&] { (void)file::open(name, O_WRONLY | O_NONBLOCK); }) ==
            "open " + name + ": No such device or address");
    });
  }
}

}  // namespace
