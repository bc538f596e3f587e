// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Holding requests to stop off for the length of a block: shields, and masks, which are
/// weaker.

#include <motet/call_site.hpp>
#include <motet/detail/cancel_scope.hpp>
#include <motet/detail/timed_scope.hpp>
#include <motet/time.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace motet {

namespace detail {

/// A shield or mask that the fiber is in, for those who open it or tell of it.
struct entered_block {
  entered_block(scope_chain& entered, const call_site& at)
      : chain(entered),
        wall(chain.wall),
        inside(chain.innermost),
        outer(chain.block),
        masked(chain.masked),
        where(at) {
    chain.block = this;
  }
  entered_block(const entered_block&) = delete;
  entered_block& operator=(const entered_block&) = delete;
  ~entered_block() = default;

  scope_chain& chain;
  cancel_scope* const wall;  ///< The chain's, outside of the block.
  cancel_scope* inside;      ///< The innermost scope, directly in the block.
  entered_block* const outer;
  const bool masked;  ///< The chain's, outside of the block.
  const call_site where;
};

/// Puts back what the fiber let in. An aggregate, and apart from the block, which others
/// get to see: compilers keep it in registers.
// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions)
struct entry_guard {
  scope_chain& chain;
  cancel_scope* const wall;
  const bool masked;
  entered_block* const outer;

  ~entry_guard() {
    chain.wall = wall;
    chain.masked = masked;
    chain.block = outer;
  }
};

/// Runs `f(entered_block&)` with all open scopes out of sight, or, if `masking`, with the
/// look left to waits that park.
template <bool masking, class F>
decltype(auto) run_guarded(const call_site& where, F&& f) {
  scope_chain& chain = current_chain();
  const entry_guard guard{chain, chain.wall, chain.masked, chain.block};
  entered_block block(chain, where);
  if constexpr (masking) {
    chain.masked = true;
  } else {
    chain.wall = chain.innermost;
  }
  return f(block);
}

/// While it lives, a shield or mask is open again, if nothing else was entered since.
/// Looks for cancellation first.
class reopened {
 public:
  explicit reopened(const entered_block& block);
  reopened(const reopened&) = delete;
  reopened& operator=(const reopened&) = delete;
  ~reopened() { close(); }

 private:
  void close() noexcept;

  scope_chain& chain_;
  const scope_chain closed_;
};

}  // namespace detail

/// Opens the shield or mask it comes from, for a part of it: `restore([&] { use(held);
/// })`. Works in the block's own fiber and directly in the block only: inside a further
/// shield or scope it runs what it is given and opens nothing.
class restore {
 public:
  explicit restore(const detail::entered_block& block) noexcept : block_(block) {}

  /// Looks for cancellation, then runs `f`.
  /// @throws structure_error in another fiber. Cancellation point.
  template <class F>
  decltype(auto) operator()(F&& f) const {
    const detail::reopened open(block_);
    return std::forward<F>(f)();
  }

 private:
  const detail::entered_block& block_;
};

namespace detail {

template <class F>
decltype(auto) call_guarded(const entered_block& block, F& f) {
  if constexpr (std::is_invocable_v<F&, restore>) {
    return f(restore(block));
  } else {
    return f();
  }
}
template <class F>
using guarded_result =
    decltype(call_guarded(std::declval<const entered_block&>(), std::declval<F&>()));

}  // namespace detail

/// Runs `f`, into which no request and no raised exception from outside gets. Scopes and
/// timeouts inside work; fibers spun inside start open. `f` may take a `restore`.
/// Never parks by itself.
template <class F>
decltype(auto) shield(F&& f, call_site where = call_site::here()) {
  return detail::run_guarded<false>(where,
                                    [&](detail::entered_block& block) -> decltype(auto) {
                                      return detail::call_guarded(block, f);
                                    });
}

/// As above, for `grace` at most, which a second SIGINT or SIGTERM cuts short.
/// @returns the result, or nothing if time ran out (`bool` if `f` returns void). Never
/// parks by itself.
template <class Rep, class Period, class F>
auto shield(std::chrono::duration<Rep, Period> grace, F&& f,
            call_site where = call_site::here()) {
  using R = detail::guarded_result<F>;
  return detail::run_guarded<false>(where, [&](detail::entered_block& block) {
    detail::timed_scope clock(detail::saturate(grace), where);
    clock.call_it_grace();
    if constexpr (std::is_void_v<R>) {
      return clock.run([&] {
        block.inside = block.chain.innermost;
        detail::call_guarded(block, f);
      });
    } else {
      std::optional<std::remove_cvref_t<R>> result;
      clock.run([&] {
        block.inside = block.chain.innermost;
        result.emplace(detail::call_guarded(block, f));
      });
      return result;
    }
  });
}

/// Runs `f`, in which calls that need not park do not throw, nor do `checkpoint` and
/// `yield`, whoever asked, a timeout inside included; those that really have to park do:
/// what is held cannot be lost between two steps, and yet the block does not hang.
/// `f` may take a `restore`.
/// Never parks by itself.
template <class F>
decltype(auto) mask(F&& f, call_site where = call_site::here()) {
  return detail::run_guarded<true>(where,
                                   [&](detail::entered_block& block) -> decltype(auto) {
                                     return detail::call_guarded(block, f);
                                   });
}

/// Throws what is pending as if the innermost shield or mask were open: a hole in a long
/// one. In a scope opened inside of it, a `checkpoint`. Cancellation point.
void allow_cancel();

/// How much of a request to stop gets into where the fiber is.
enum class masking_state : std::uint8_t {
  open,      ///< All of it, at every point.
  masked,    ///< All of it, but only at points that really park.
  shielded,  ///< Nothing: a shield, or an unwinding that runs destructors.
};

namespace this_fiber {
/// Of scopes further out, that is; those opened since deliver as ever. Never parks.
[[nodiscard]] masking_state masking() noexcept;
}  // namespace this_fiber

}  // namespace motet
