// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What `thread_local` is for threads.

#include <motet/detail/owner.hpp>

#include <cstdint>
#include <type_traits>

namespace motet {

namespace detail {

/// What no other fiber_local has.
[[nodiscard]] std::uint64_t next_local_key() noexcept;
/// The running fiber's value of that key; null if it has none yet.
[[nodiscard]] void* find_local(std::uint64_t key);
/// Gives the running fiber one, which it owns.
void add_local(std::uint64_t key, void* value, void (*destroy)(void*) noexcept);

}  // namespace detail

/// A variable of which every fiber has its own:
///
///     fiber_local<std::string> request_id;          // often a global
///     *request_id = header("X-Request-Id");
///
/// A fiber's value is `T()` until it changes it. It is made when the fiber first asks for
/// it, and destroyed at the end of the fiber, in the fiber and shielded, the youngest
/// first; a restart begins with new ones. It does not go with the fiber_local. Any
/// thread.
template <class T>
class fiber_local {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

 public:
  fiber_local() noexcept : key_(detail::next_local_key()) {}
  fiber_local(const fiber_local&) = delete;
  fiber_local& operator=(const fiber_local&) = delete;
  ~fiber_local() = default;

  /// The running fiber's. @throws structure_error outside of fibers. Never parks.
  T& operator*() const {
    void* const there = detail::find_local(key_);
    return there != nullptr ? *static_cast<T*>(there) : make();
  }
  /// As above. Never parks.
  T* operator->() const { return &**this; }

 private:
  T& make() const {
    detail::owner<T> fresh(new T());
    detail::add_local(key_, fresh.get(),
                      [](void* value) noexcept { delete static_cast<T*>(value); });
    return *fresh.release();
  }

  std::uint64_t key_;
};

}  // namespace motet
