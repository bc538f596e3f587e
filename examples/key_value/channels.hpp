// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Messages for all who have subscribed to a channel.

#include "examples/key_value/outbox.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace key_value {

class channels {
 public:
  /// @returns false if it is subscribed already.
  bool subscribe(std::string_view channel, outbox& who);
  /// @returns false if it is not subscribed.
  bool unsubscribe(std::string_view channel, outbox& who);
  /// Waits for nobody. @returns how many it is for.
  std::size_t publish(std::string_view channel, std::string_view message);

 private:
  std::map<std::string, std::vector<outbox*>, std::less<>> subscribers_;
};

}  // namespace key_value
