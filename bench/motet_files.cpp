// SPDX-License-Identifier: MIT

/// @file
/// Reads a file at random places, a fiber for each read that is under way; or writes one
/// from its beginning to its end.

#include "files.hpp"

#include <motet/fiber.hpp>
#include <motet/file.hpp>
#include <motet/run.hpp>
#include <motet/spin.hpp>

#include <array>
#include <exception>
#include <vector>

namespace {

using namespace bench;

/// @param count what the fibers together are to read.
void read(motet::file& from, const file_options& options, std::uint64_t count) {
  std::vector<motet::fiber<>> readers;
  for (unsigned i = 0; i < options.depth; ++i) {
    readers.push_back(motet::spin([&, i] {
      alignas(64) std::array<std::byte, read_size> buffer;
      random_places places(i, options.size);
      for (std::uint64_t n = i; n < count; n += options.depth)
        if (from.pread(buffer, places.next()).size() != read_size)
          die("a short read", EIO);
    }));
  }
  for (motet::fiber<>& each : readers)
    each.await();
}

void write(const file_options& options) {
  motet::file to = motet::file::open(options.path, {.write = true, .create = true});
  const std::vector<std::byte> block(write_size, std::byte{'x'});
  for (std::uint64_t n = 0; n < options.count; ++n)
    to.pwrite(block, n * write_size);
}

}  // namespace

int main(int argc, char** argv) try {
  const file_options options = parse_file_options(argc, argv);
  motet::run({.backend = motet::backend_kind::uring}, [&] {
    if (options.write) {
      const stopwatch watch;
      write(options);
      return watch.print(options.count);
    }
    motet::file from = motet::file::open(options.path);
    read(from, options, options.count / 10);
    const stopwatch watch;
    read(from, options, options.count);
    watch.print(options.count);
  });
} catch (const std::exception& e) {
  std::fprintf(stderr, "motet_files: %s\n", e.what());
  return 1;
}
