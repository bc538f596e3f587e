// SPDX-License-Identifier: MIT
#include "examples/key_value/store.hpp"

#include "examples/key_value/hash.hpp"

#include <motet/cancel.hpp>
#include <motet/timeout.hpp>

#include <algorithm>

namespace key_value {

namespace {

/// How many keys that have expired are removed before others have their turn.
constexpr std::size_t removed_at_once = 100;

template <class T>
T* content_of(store::entry* found) {
  if (found == nullptr) return nullptr;
  T* const content = std::get_if<T>(&found->second.content);
  if (content == nullptr) {
    throw command_error(
        "WRONGTYPE Operation against a key holding the wrong kind of value");
  }
  return content;
}

}  // namespace

std::size_t store::hash::operator()(std::string_view key) const noexcept {
  return hash_of(key);
}

store::entry* store::find(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  if (found->second.expires == never || found->second.expires > now()) return &*found;
  remove(*found);
  return nullptr;
}

std::string* store::find_text(std::string_view key) {
  return content_of<std::string>(find(key));
}

list* store::find_list(std::string_view key) {
  auto* const content = content_of<std::unique_ptr<list>>(find(key));
  return content == nullptr ? nullptr : content->get();
}

store::entry& store::set(std::string_view key, std::string_view text) {
  const auto found = entries_.find(key);
  if (found == entries_.end())
    return *entries_.emplace(key, value{std::string(text)}).first;
  expire_at(*found, never);
  if (auto* const before = std::get_if<std::string>(&found->second.content)) {
    before->assign(text);
  } else {
    found->second.content.emplace<std::string>(text);
  }
  return *found;
}

bool store::remove(std::string_view key) {
  entry* const found = find(key);
  if (found != nullptr) remove(*found);
  return found != nullptr;
}

void store::remove(entry& what) {
  expire_at(what, never);
  entries_.erase(entries_.find(what.first));
}

void store::clear() noexcept {
  expiries_.clear();
  entries_.clear();
}

void store::expire_at(entry& what, instant when) {
  const instant before = what.second.expires;
  if (before == when) return;
  if (when != never) {
    const auto at = expiries_.emplace(when, &what.first).first;
    if (at == expiries_.begin()) sooner_.set();
  }
  if (before != never) expiries_.erase({before, &what.first});
  what.second.expires = when;
}

void store::remove_expired(std::size_t at_most) {
  const instant time = now();
  for (; at_most > 0 && !expiries_.empty(); --at_most) {
    const auto [when, key] = *expiries_.begin();
    if (when > time) return;
    remove(*entries_.find(*key));
  }
}

void store::expire_in_time() {
  for (;;) {
    sooner_.reset();
    const instant next = expiries_.empty() ? never : expiries_.begin()->first;
    constexpr auto last =
        std::chrono::floor<std::chrono::milliseconds>(motet::time_point::max());
    const auto deadline = motet::time_point(std::min(next, last));
    if (!motet::move_on_at(deadline, [&] { sooner_.wait(); })) {
      remove_expired(removed_at_once);
      motet::yield();
    }
  }
}

std::size_t store::push(std::string_view key, list_end end, std::string_view element) {
  list* all = find_list(key);
  if (all == nullptr) {
    const auto made = entries_.emplace(key, value{std::make_unique<list>()}).first;
    all = std::get<std::unique_ptr<list>>(made->second.content).get();
  }
  if (end == list_end::left) {
    all->emplace_front(element);
  } else {
    all->emplace_back(element);
  }
  return all->size();
}

std::optional<std::string> store::pop(std::string_view key, list_end end) {
  entry* const found = find(key);
  auto* const content = content_of<std::unique_ptr<list>>(found);
  if (content == nullptr) return std::nullopt;
  list& all = **content;
  std::optional<std::string> element;
  if (end == list_end::left) {
    element = std::move(all.front());
    all.pop_front();
  } else {
    element = std::move(all.back());
    all.pop_back();
  }
  if (all.empty()) remove(*found);
  return element;
}

}  // namespace key_value
