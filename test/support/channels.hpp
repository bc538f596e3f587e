// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Channels of numbers, filled and emptied.

#include <motet/channel.hpp>
#include <motet/fiber.hpp>
#include <motet/spin.hpp>
#include <motet/testing.hpp>

#include <string>
#include <vector>

namespace motet::test {

/// All that lies in it, as text.
inline std::string drain(channel<int>& ch) {
  std::string all;
  while (const auto value = ch.try_receive())
    all += std::to_string(*value) + " ";
  return all;
}

/// Sends 1 to `count`, one fiber each, which wait in this order.
inline std::vector<fiber<>> senders(channel<int>& ch, int count) {
  std::vector<fiber<>> all;
  for (int i = 1; i <= count; ++i)
    all.push_back(spin([&ch, i] { ch.send(i); }));
  testing::settle();
  return all;
}

}  // namespace motet::test
