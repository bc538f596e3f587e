// SPDX-License-Identifier: MIT
#include "examples/key_value/waiting.hpp"

#include <cstdio>
#include <exception>

namespace key_value {

waiter::waiter(waiting_line& line, std::vector<std::string> keys, list_end end)
    : line_(line), keys_(std::move(keys)), end_(end) {
  places_.reserve(keys_.size());
  line_.enter(*this);
}

waiter::~waiter() {
  line_.leave(*this);
  if (got_) line_.give_back(*this);
}

void waiter::give_up() noexcept {
  given_up_ = true;
  line_.leave(*this);
  changed_.set();
}

void waiting_line::enter(waiter& who) {
  for (const std::string& key : who.keys_) {
    auto& queue = queues_[key];
    who.places_.push_back(queue.insert(queue.end(), &who));
  }
  ++size_;
}

void waiting_line::leave(waiter& who) noexcept {
  if (who.places_.empty()) return;
  for (std::size_t i = 0; i < who.places_.size(); ++i) {
    const auto queue = queues_.find(who.keys_[i]);
    queue->second.erase(who.places_[i]);
    if (queue->second.empty()) queues_.erase(queue);
  }
  who.places_.clear();
  --size_;
}

void waiting_line::serve(std::string_view key) {
  if (size_ == 0) return;
  std::string name(key);
  for (;;) {
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return;
    waiter& first = *queue->second.front();
    auto element = data_.pop(name, first.end_);
    if (!element) return;
    first.got_ = {name, *std::move(element)};
    leave(first);
    first.changed_.set();
  }
}

/// To where it was taken from, and from there to the next who waits.
void waiting_line::give_back(waiter& who) noexcept {
  try {
    data_.push(who.got_->key, who.end_, who.got_->element);
    serve(who.got_->key);
  } catch (const std::exception& error) {  // something else has that name now
    std::fprintf(stderr, "an element of %s is lost: %s\n", who.got_->key.c_str(),
                 error.what());
  }
}

}  // namespace key_value
