// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// From a message of unknown type to a typed value or the handler for it.

#include <motet/call_site.hpp>
#include <motet/detail/message.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace motet::detail {

/// Takes the oldest message with one of these keys (none given: any); parks until there
/// is one. It is the caller's then.
[[nodiscard, gnu::returns_nonnull]] message* receive_one(std::span<const type_key> keys,
                                                         call_site where = {});
/// As above; null if there is none now.
[[nodiscard]] message* try_receive_one(std::span<const type_key> keys);

template <class T>
T take_value(message* what) {
  const message_ptr from(what);
  return std::move(static_cast<message_of<T>*>(from.get())->value);
}

template <class Variant, class... Types>
Variant take_variant(message* from) {
  Variant* made = nullptr;
  alignas(Variant) std::byte room[sizeof(Variant)];
  const type_key key = from->key;
  // The keys asked for are those of the variant, so exactly one of these matches.
  (void)((key == key_of<Types>()
              ? (made = ::new (room) Variant(take_value<Types>(from)), true)
              : false) ||
         ...);
  Variant result = std::move(*made);
  made->~Variant();
  return result;
}

template <class F>
struct handler_traits;  // not a callable with one operator()
template <class C, class R, class M>
struct handler_traits<R (C::*)(M) const> {
  using argument = M;
};
template <class C, class R, class M>
struct handler_traits<R (C::*)(M)> {
  using argument = M;
};
template <class C, class R, class M>
struct handler_traits<R (C::*)(M) const noexcept> {
  using argument = M;
};
template <class C, class R, class M>
struct handler_traits<R (C::*)(M) noexcept> {
  using argument = M;
};

template <class F>
concept names_one_type = requires {
  &std::remove_cvref_t<F>::operator();
};

template <class F>
struct handled {
  static_assert(
      names_one_type<F>,
      "a message handler takes one named type: [](const say& s) { … }; it can be "
      "neither generic nor overloaded");
  using argument =
      typename handler_traits<decltype(&std::remove_cvref_t<F>::operator())>::argument;
  static_assert(!std::is_lvalue_reference_v<argument> ||
                    std::is_const_v<std::remove_reference_t<argument>>,
                "a message handler takes M, const M& or M&&");
  using type = std::remove_cvref_t<argument>;
};
template <class F>
using handled_t = typename handled<F>::type;

template <class F>
using handler_result_t = std::invoke_result_t<F&, handled_t<F>&&>;

template <class Result, class F, class... Rest>
Result dispatch_to(message* what, F& first, Rest&... rest) {
  using M = handled_t<F>;
  if constexpr (sizeof...(Rest) > 0) {
    if (what->key != key_of<M>()) return dispatch_to<Result>(what, rest...);
  }
  return static_cast<Result>(first(std::move(static_cast<message_of<M>*>(what)->value)));
}

template <class... Handlers, class... Fs>
auto dispatch(message* what, Fs&... handlers) {
  using result = std::common_type_t<handler_result_t<Handlers>...>;
  const message_ptr owned(what);
  return dispatch_to<result>(what, handlers...);
}

}  // namespace motet::detail
