// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Messages between fibers.
///
/// Every fiber has a mailbox, from which only it receives. `f << message` puts one in, of
/// any type, and never parks; `receive` takes the oldest of the type asked for and leaves
/// the others in place. Types match exactly; text literals travel as std::string.

#include <motet/detail/message.hpp>
#include <motet/detail/receive.hpp>
#include <motet/fiber_ref.hpp>
#include <motet/outcome.hpp>

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace motet {

/// The notice that `monitor` asks for.
struct ended {
  fiber_ref who;
  ending how;
};

/// A message of whatever type.
class any_message {
 public:
  explicit any_message(detail::message* from) noexcept : message_(from) {}

  /// The value, if it is a `T`; else null. Never parks.
  template <class T>
  [[nodiscard]] T* get() noexcept {
    if (message_->key != detail::key_of<T>()) return nullptr;
    return &static_cast<detail::message_of<T>*>(message_.get())->value;
  }

 private:
  detail::message_ptr message_;
};

/// Takes the oldest message of type `T`; parks until there is one. Cancellation point.
template <class T>
[[nodiscard]] T receive(call_site where = call_site::here()) {
  static constexpr detail::type_key keys[] = {detail::key_of<T>()};
  return detail::take_value<T>(detail::receive_one(keys, where));
}

/// Takes the oldest message of any of these types. Cancellation point.
template <class A, class B, class... More>
[[nodiscard]] std::variant<A, B, More...> receive(call_site where = call_site::here()) {
  static constexpr detail::type_key keys[] = {detail::key_of<A>(), detail::key_of<B>(),
                                              detail::key_of<More>()...};
  return detail::take_variant<std::variant<A, B, More...>, A, B, More...>(
      detail::receive_one(keys, where));
}

/// Takes the oldest message that one of the handlers is for, and calls that one with it:
/// `receive([](const join& j) { … }, [](say&& s) { … })`.
/// @returns what the handlers return, as their common type. Cancellation point.
template <class... Handlers>
requires(sizeof...(Handlers) > 0) auto receive(Handlers&&... handlers) {
  static constexpr detail::type_key keys[] = {
      detail::key_of<detail::handled_t<Handlers>>()...};
  return detail::dispatch<Handlers...>(detail::receive_one(keys), handlers...);
}

/// Takes the oldest message. Cancellation point.
[[nodiscard]] inline any_message receive_any(call_site where = call_site::here()) {
  return any_message(detail::receive_one({}, where));
}

/// Receives by these handlers until cancelled. Cancellation point.
template <class... Handlers>
[[noreturn]] void receive_loop(Handlers&&... handlers) {
  for (;;)
    receive(handlers...);
}

/// Takes the oldest message of type `T`, if there is one. Never parks.
template <class T>
[[nodiscard]] std::optional<T> try_receive() {
  static constexpr detail::type_key keys[] = {detail::key_of<T>()};
  detail::message* const found = detail::try_receive_one(keys);
  if (found == nullptr) return std::nullopt;
  return detail::take_value<T>(found);
}

/// Takes all messages of type `T`, oldest first. Never parks.
template <class T>
[[nodiscard]] std::vector<T> receive_all_pending() {
  static constexpr detail::type_key keys[] = {detail::key_of<T>()};
  std::vector<T> all;
  while (detail::message* const found = detail::try_receive_one(keys)) {
    all.push_back(detail::take_value<T>(found));
  }
  return all;
}

}  // namespace motet
