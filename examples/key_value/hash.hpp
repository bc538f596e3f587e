// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// SipHash-1-3 with a key that is drawn when the program starts.
///
/// Clients choose the keys of a server's data. With a hash they can compute they could
/// choose some that collide, and each request would walk a long chain.
/// J.-P. Aumasson, D. J. Bernstein: SipHash: a fast short-input PRF, 2012.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace key_value {

namespace detail {

inline std::array<std::uint64_t, 2> draw_key() {
  std::random_device draw;
  const auto half = [&] { return std::uint64_t{draw()} << 32 | draw(); };
  return {half(), half()};
}

inline const std::array<std::uint64_t, 2> hash_key = draw_key();

struct sip_state {
  std::uint64_t a, b, c, d;

  void mix() noexcept {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }
  void take(std::uint64_t word) noexcept {
    d ^= word;
    mix();
    a ^= word;
  }
};

}  // namespace detail

[[nodiscard]] inline std::size_t hash_of(std::string_view text) noexcept {
  const auto [k0, k1] = detail::hash_key;
  detail::sip_state state{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                          k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    state.take(word);
  }
  std::uint64_t last = std::uint64_t{text.size()} << 56;
  for (unsigned shift = 0; at < text.size(); ++at, shift += 8)
    last |= std::uint64_t{static_cast<unsigned char>(text[at])} << shift;
  state.take(last);
  state.c ^= 0xff;
  for (int round = 0; round < 3; ++round)
    state.mix();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace key_value
