// SPDX-License-Identifier: MIT
#include "backend/course.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace motet {

course::course(std::uint64_t seed) noexcept : random_(seed), seeded_(seed != 0) {}

course::course(std::vector<choice> record) noexcept : given_(std::move(record)) {}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
std::uint64_t course::mix(std::uint64_t x) noexcept {
  x += 0x9e37'79b9'7f4a'7c15;
  x = (x ^ (x >> 30U)) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ (x >> 27U)) * 0x94d0'49bb'1331'11eb;
  return x ^ (x >> 31U);
}

std::uint32_t course::choose(std::uint32_t count) noexcept {
  const std::size_t at = record_.size();
  // The program may have changed since, and there may be fewer ways now.
  if (at < given_.size()) return std::min(given_[at].taken, count - 1);
  if (!seeded_) return 0;
  random_ += 0x9e37'79b9'7f4a'7c15;
  // The upper bits times the count: no division, and hardly any bias for counts this low.
  return static_cast<std::uint32_t>((mix(random_) >> 32U) * count >> 32U);
}

std::size_t course::decide(decision what, std::size_t count) {
  if (count < 2 || calm_) return 0;
  const auto ways = static_cast<std::uint32_t>(count);
  const std::uint32_t taken = choose(ways);
  record_.push_back({what, ways, taken});
  note(std::uint64_t{taken} << 32U | ways);
  return taken;
}

std::string moment_of(time_point when) {
  char text[32];
  const auto ns = static_cast<double>(when.time_since_epoch().count());
  std::snprintf(text, sizeof text, "%.6g s", ns / 1e9);
  return text;
}

}  // namespace motet
