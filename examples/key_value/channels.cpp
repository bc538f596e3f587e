// SPDX-License-Identifier: MIT
#include "examples/key_value/channels.hpp"

#include "examples/key_value/resp.hpp"

#include <algorithm>

namespace key_value {

bool channels::subscribe(std::string_view channel, outbox& who) {
  auto found = subscribers_.find(channel);
  if (found == subscribers_.end())
    found = subscribers_.try_emplace(std::string(channel)).first;
  auto& all = found->second;
  if (std::find(all.begin(), all.end(), &who) != all.end()) return false;
  all.push_back(&who);
  return true;
}

bool channels::unsubscribe(std::string_view channel, outbox& who) {
  const auto found = subscribers_.find(channel);
  if (found == subscribers_.end() || std::erase(found->second, &who) == 0) return false;
  if (found->second.empty()) subscribers_.erase(found);
  return true;
}

std::size_t channels::publish(std::string_view channel, std::string_view message) {
  const auto found = subscribers_.find(channel);
  if (found == subscribers_.end()) return 0;
  answers encoded(channel.size() + 2 * message.size() + 100);
  encoded.array(3);
  encoded.text("message");
  encoded.text(channel);
  encoded.text(message);
  for (outbox* const who : found->second)
    who->put(encoded.bytes());
  return found->second.size();
}

}  // namespace key_value
