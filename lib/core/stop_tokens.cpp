// SPDX-License-Identifier: MIT
#include "lib/core/stop_tokens.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/detail/token_box.hpp>
#include <motet/error.hpp>

#include <algorithm>
#include <cstddef>
#include <new>
#include <typeinfo>
#include <utility>

namespace motet::detail {

namespace {

/// The outermost fiber in its grace that `fiber` can see, itself or one around it.
const cancel_scope* grace_in_sight(const fiber_state& fiber) noexcept {
  if (!lets_edges_in(fiber)) return nullptr;  // its root is out of its sight
  const cancel_scope* found = nullptr;
  for (const cancel_scope* s = &fiber.root; s != nullptr; s = s->parent) {
    if (in_grace(*s)) found = s;
    if (s->cut) break;
  }
  return found;
}

/// Why tokens of the fiber are to be requested; null if there is no reason in sight.
const cancel_scope* reason_in_sight(const fiber_state& fiber) noexcept {
  const cancel_scope* const grace = grace_in_sight(fiber);
  return grace != nullptr ? grace : find_cancelled(fiber);
}

bool lies_in(const cancel_scope& node, const cancel_scope& outer) noexcept {
  if (node.fiber != outer.fiber) return true;
  for (const cancel_scope* s = &node; s->fiber == node.fiber; s = s->parent) {
    if (s == &outer) return true;
    if (s == &node.fiber->root) break;
  }
  return false;
}

/// Of the requested tokens of a node one is enough for those who ask later.
void forget_doubles(std::vector<owned_token>& tokens) noexcept {
  for (auto t = tokens.begin(); t != tokens.end();) {
    const bool known = t->requested && std::any_of(tokens.begin(), t, [&](auto& earlier) {
                         return earlier.requested && earlier.node == t->node;
                       });
    t = known ? tokens.erase(t) : t + 1;
  }
}

}  // namespace

std::stop_token take_token(fiber_state& self) {
  scheduler& s = *this_scheduler;
  cancel_scope& node = *self.chain.innermost;
  fiber_extras& extras = self.more();
  request_tokens(self);
  // A token that was requested before a shield was entered is not this block's.
  const bool requested = reason_in_sight(self) != nullptr;
  const auto known = std::find_if(
      extras.tokens.begin(), extras.tokens.end(),
      [&](const owned_token& t) { return t.node == &node && t.requested == requested; });
  std::stop_source source;
  if (known != extras.tokens.end()) {
    source = known->source;
  } else {
    if (requested) source.request_stop();
    extras.tokens.push_back({.node = &node, .source = source, .requested = requested});
    if (!requested) ++extras.open_tokens;
    node.has_token = true;
  }
  s.run_stop_callbacks();
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): what moved was a copy
  return source.get_token();
}

void request_tokens(fiber_state& fiber) noexcept {
  if (!has_open_tokens(fiber)) return;
  const cancel_scope* const reason = reason_in_sight(fiber);
  if (reason == nullptr) return;
  for (owned_token& token : fiber.extras->tokens) {
    if (token.requested || !lies_in(*token.node, *reason)) continue;
    token.requested = true;
    --fiber.extras->open_tokens;
    this_scheduler->add_stop(token.source);
  }
  forget_doubles(fiber.extras->tokens);
}

void forget_tokens(fiber_state& fiber, cancel_scope& node) noexcept {
  node.has_token = false;
  fiber_extras& extras = *fiber.extras;
  std::erase_if(extras.tokens, [&](const owned_token& token) {
    if (token.node != &node) return false;
    if (!token.requested) --extras.open_tokens;
    return true;
  });
}

namespace {

const std::stop_token& token_in(const std::byte (&room)[sizeof(void*)]) noexcept {
  static_assert(sizeof(std::stop_token) == sizeof(room));
  return *std::launder(reinterpret_cast<const std::stop_token*>(room));
}

void expect_token(const std::type_info& type) {
  if (type != typeid(std::stop_token)) {
    throw structure_error("what looks like a std::stop_token is another type");
  }
}

}  // namespace

token_box::token_box() noexcept {
  ::new (static_cast<void*>(room_)) std::stop_token;
}

token_box::token_box(const void* token, const std::type_info& type) {
  expect_token(type);
  ::new (static_cast<void*>(room_))
      std::stop_token(*static_cast<const std::stop_token*>(token));
}

token_box::token_box(const token_box& from) noexcept {
  ::new (static_cast<void*>(room_)) std::stop_token(token_in(from.room_));
}

token_box& token_box::operator=(const token_box& from) noexcept {
  if (this != &from) {
    this->~token_box();
    ::new (static_cast<void*>(room_)) std::stop_token(token_in(from.room_));
  }
  return *this;
}

token_box::~token_box() {
  token_in(room_).~stop_token();
}

const void* token_box::look(const std::type_info& type) const {
  expect_token(type);
  return &token_in(room_);
}

bool token_box::stop_requested() const noexcept {
  return token_in(room_).stop_requested();
}

bool token_box::stop_possible() const noexcept {
  return token_in(room_).stop_possible();
}

}  // namespace motet::detail
