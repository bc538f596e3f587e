// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Messages of any type, as mailboxes hold them.

#include <motet/detail/owner.hpp>

#include <concepts>
#include <cstddef>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace motet::detail {

struct fiber_state;

/// One address per type: what a message's type is compared by.
template <class T>
inline constexpr char type_tag = 0;

using type_key = const char*;

template <class T>
constexpr type_key key_of() noexcept {
  return &type_tag<T>;
}

/// The head of every message; its value lies behind it.
struct message {
  message* next = nullptr;
  type_key key = nullptr;
  void (*destroy)(message*) noexcept = nullptr;
};

inline void end_message(message* m) noexcept {
  m->destroy(m);
}
using message_ptr = owner<message, end_message>;

/// Room for a message; kept by the thread for the next one when given back.
void* allocate_message(std::size_t size);
/// The same, for what is to be heard in any case.
void* allocate_message_surely(std::size_t size) noexcept;
void free_message(void* room, std::size_t size) noexcept;
void free_message_surely(void* room, std::size_t size) noexcept;
/// How many messages there are: of this scheduler's thread and those that are none; what
/// another scheduler has made counts there, and once that has ended.
[[nodiscard]] std::size_t count_messages() noexcept;
/// Gives back the room that this thread keeps for messages to come.
void forget_message_blocks() noexcept;

template <class T>
struct message_of final : message {
  static_assert(alignof(T) <= alignof(std::max_align_t),
                "a message cannot be over-aligned: send a pointer to it");
  T value;

  template <class U>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): a message is never copied
  explicit message_of(U&& from) : value(std::forward<U>(from)) {
    key = key_of<T>();
    destroy = &end_with<free_message>;
  }

  template <void (*give_back)(void*, std::size_t) noexcept>
  static void end_with(message* m) noexcept {
    auto* self = static_cast<message_of*>(m);
    self->~message_of();
    give_back(self, sizeof(message_of));
  }
};

/// What `T` travels as: itself, or std::string if it is a literal or a `const char*`.
template <class T>
using message_type = std::conditional_t<std::is_same_v<std::decay_t<T>, const char*> ||
                                            std::is_same_v<std::decay_t<T>, char*>,
                                        std::string, std::decay_t<T>>;

template <class T>
message_ptr make_message(T&& value) {
  using node = message_of<message_type<T>>;
  static_assert(std::is_constructible_v<message_type<T>, T>,
                "a message is copied or moved into the mailbox: this one can be neither");
  void* room = allocate_message(sizeof(node));
  try {
    return message_ptr(::new (room) node(std::forward<T>(value)));
  } catch (...) {
    free_message(room, sizeof(node));
    throw;
  }
}

/// The same where memory must not be wanting.
template <class T>
message_ptr make_message_surely(T&& value) noexcept {
  using node = message_of<message_type<T>>;
  auto* const made =
      ::new (allocate_message_surely(sizeof(node))) node(std::forward<T>(value));
  made->destroy = &node::template end_with<free_message_surely>;
  return message_ptr(made);
}

/// Takes over the message. @returns whether the fiber did: one that has ended drops it.
bool send(fiber_state* to, message* what) noexcept;

}  // namespace motet::detail
