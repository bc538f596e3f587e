// SPDX-License-Identifier: MIT
// What others' code makes of an exception that passes through it.
#include "test/support/network.hpp"
#include "test/support/trace.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <span>
#include <streambuf>
#include <string>

namespace motet {
namespace {

using test::connection;
using test::trace;

/// As people write them: what goes in goes out at once.
class stream_buffer : public std::streambuf {
 public:
  explicit stream_buffer(tcp::stream& to) noexcept : to_(to) {}

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    to_.write(test::bytes_of({text, static_cast<std::size_t>(size)}));
    return size;
  }
  int_type overflow(int_type c) override {
    const char one = traits_type::to_char_type(c);
    return xsputn(&one, 1) == 1 ? c : traits_type::eof();
  }

 private:
  tcp::stream& to_;
};

TEST_SUITE("iostreams") {
  TEST_CASE("P-04: an ostream swallows a cancellation, the next point throws anew") {
    trace log;
    test::run_on_backend([&] {
      connection pair = test::connect_pair();
      const auto writer = spin([&] {
        stream_buffer to_peer(pair.near);
        std::ostream out(&to_peer);
        const std::string page(16 * 1024, 'x');
        while (out)  // until it parks, as nobody reads
          out << page;
        log(out.bad() ? "bad" : "good");
        checkpoint();
        log("never");
      });
      testing::settle();
      const auto how = writer.interrupt("enough");
      CHECK(how.stopped());
      CHECK(how.reason().message == "enough");
    });
    CHECK(log == trace{"bad"});
  }

  TEST_CASE("P-04: an ostream that throws again lets a cancellation through") {
    test::run_on_backend([] {
      connection pair = test::connect_pair();
      const auto writer = spin([&] {
        stream_buffer to_peer(pair.near);
        std::ostream out(&to_peer);
        out.exceptions(std::ios::badbit);
        const std::string page(16 * 1024, 'x');
        for (;;)
          out << page;
      });
      testing::settle();
      CHECK(writer.interrupt().stopped());
    });
  }
}

}  // namespace
}  // namespace motet
