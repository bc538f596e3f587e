// SPDX-License-Identifier: MIT
#include "examples/key_value/pattern.hpp"
#include "examples/key_value/resp.hpp"
#include "examples/key_value/store.hpp"
#include "examples/key_value/waiting.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace motet;

namespace {

// The server's parts without its sockets; those are for test/clients/key_value.py.
TEST_SUITE_BEGIN("key-value server");

using requests = std::vector<std::vector<std::string>>;

/// The requests in `bytes`, which come in pieces that end at `cuts`; at last, what was
/// wrong with them. The buffer moves whenever it can.
requests parse(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  requests found;
  key_value::request_parser parser({.word = 100, .words = 10, .line = 50});
  std::size_t begin = 0;
  try {
    for (const std::size_t end : cuts) {
      for (;;) {
        const std::string buffer(bytes.substr(begin, end - begin));
        if (!parser.parse(buffer)) break;
        found.emplace_back(parser.words().begin(), parser.words().end());
        begin += parser.length();
      }
    }
  } catch (const key_value::protocol_error& error) {
    found.push_back({error.what()});
  }
  return found;
}

struct dice {
  std::mt19937 generator;

  std::size_t operator()(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(generator);
  }

  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> all{size};
    for (std::size_t i = (*this)(6); i > 0; --i)
      all.push_back((*this)(size));
    std::sort(all.begin(), all.end());
    return all;
  }

  /// Requests as they should be, with any bytes in their words.
  std::string good(requests& wanted) {
    std::string bytes;
    for (std::size_t i = (*this)(3); i > 0; --i) {
      auto& words = wanted.emplace_back();
      const std::size_t count = (*this)(3);
      bytes += "*" + std::to_string(count) + "\r\n";
      for (std::size_t k = 0; k < count; ++k) {
        std::string& word = words.emplace_back((*this)(20), '\0');
        for (char& c : word)
          c = "\r\n$*1 a\0"[(*this)(7)];
        bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
      }
    }
    return bytes;
  }
};

TEST_CASE("requests are the same in whatever pieces they come") {
  dice roll{std::mt19937(1)};
  for (int run = 0; run < 2000; ++run) {
    requests wanted;
    const std::string bytes = roll.good(wanted);
    REQUIRE(parse(bytes, roll.cuts(bytes.size())) == wanted);
  }
}

TEST_CASE("what is wrong with a request is the same in whatever pieces it comes") {
  dice roll{std::mt19937(2)};
  std::size_t refused = 0;
  for (int run = 0; run < 2000; ++run) {
    requests ignored;
    std::string bytes = roll.good(ignored) + "set 'a b' \"\\x41\\n\"\r\n";
    for (std::size_t i = 1 + roll(3); i > 0; --i)
      bytes[roll(bytes.size() - 1)] = "*$-1239:\r\n\"'\\ x"[roll(14)];
    const requests whole = parse(bytes, {bytes.size()});
    REQUIRE(parse(bytes, roll.cuts(bytes.size())) == whole);
    refused += !whole.empty() && whole.back().size() == 1 ? 1U : 0U;
  }
  CHECK(refused > 500);
}

TEST_CASE("a number is one that would be written like that") {
  using key_value::to_integer;
  CHECK(to_integer("0") == 0);
  CHECK(to_integer("-9223372036854775808") == INT64_MIN);
  for (const char* text : {"", "-", "+1", "01", "-0", "1 ", "1x", "9223372036854775808"})
    CHECK_FALSE(to_integer(text).has_value());
}

TEST_CASE("a pattern with many stars does not take for ever") {
  using key_value::matches;
  CHECK(matches("hello", "h*l?"));
  CHECK(matches("h[llo", "h\\[*[l-n]?"));
  CHECK_FALSE(matches("hello", "h[^a-f]llo*x"));
  std::string stars;
  for (int i = 0; i < 1000; ++i)
    stars += "*a";
  CHECK_FALSE(matches(std::string(2000, 'a'), stars + "b"));
}

TEST_CASE("keys expire when their time has come, and not before") {
  testing::run([] {
    key_value::store data;
    const scoped_fiber expiry(spin([&] { data.expire_in_time(); }));
    for (int i = 1; i <= 300; ++i) {
      auto& made = data.set("k" + std::to_string(i), "v");
      data.expire_at(made, key_value::now() + std::chrono::minutes(i));
    }
    sleep(1min - 1ms);
    CHECK(data.size() == 300);
    sleep(1ms);
    CHECK(data.find("k1") == nullptr);
    sleep(149min + 1ms);
    CHECK(data.size() == 150);
    data.set("k200", "stays");
    data.expire_at(data.set("k0", "v"), key_value::now() + 1s);
    sleep(5h);
    CHECK(data.size() == 1);
  });
}

TEST_CASE("an element is nobody's, or belongs to the one that waited longest") {
  testing::run([] {
    key_value::store data;
    key_value::waiting_line line(data);
    std::string who;
    const auto wait_as = [&](char name) {
      key_value::waiter turn(line, {"other", "list"}, key_value::list_end::left);
      turn.wait();
      if (turn.given_up()) return;
      yield();
      who += name + turn.got()->element;
      turn.accept();
    };
    const auto push = [&](std::string_view element) {
      data.push("list", key_value::list_end::right, element);
      line.serve("list");
    };
    const auto a = spin(wait_as, 'a');
    const auto b = spin(wait_as, 'b');
    const auto c = spin(wait_as, 'c');
    testing::settle();
    push("1");
    push("2");
    a.stop();  // has 1 in its hands: that goes to the next in line
    testing::settle();
    CHECK(who == "b2c1");
    CHECK(line.size() == 0);
    push("3");
    CHECK(data.find_list("list")->size() == 1);

    // Whoever is stopped, whenever that is: each element is somewhere, once.
    for (int turns = 0; turns < 4; ++turns) {
      data.clear();
      who.clear();
      const auto late = spin(wait_as, 'x');
      for (int i = 0; i < turns; ++i)
        yield();
      late.stop();
      push("4");
      (void)late.wait();
      const auto* const left = data.find_list("list");
      CHECK((left == nullptr ? 0 : left->size()) + who.size() / 2 == 1);
    }
  });
}

TEST_SUITE_END();

}  // namespace
