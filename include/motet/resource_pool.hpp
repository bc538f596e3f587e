// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A few of something that is costly to make, such as connections, for many fibers.
///
///     resource_pool<database> pool(10, [] { return database::connect("..."); });
///     auto rows = pool.use([](database& d) { return d.query("..."); });

#include <motet/call_site.hpp>
#include <motet/cancel.hpp>
#include <motet/detail/invoke.hpp>
#include <motet/detail/owner.hpp>
#include <motet/detail/pool_core.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace motet {

/// Lends out resources, makes them as they are needed, and keeps those that come back.
/// There are never more than the limit says, those being made included; who comes then
/// waits, in the order of coming, until one is given back or discarded. One that is
/// stopped while waiting takes none; one that was given its turn has it.
///
/// Any thread; what may park, in fibers only. Has to outlive what it lends.
template <class T>
class resource_pool {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

  struct pooled : detail::pooled {
    template <class F>
    explicit pooled(F& make) : value(detail::invoke(make)) {}
    T value;
  };

  struct maker {
    maker() = default;
    maker(const maker&) = delete;
    maker& operator=(const maker&) = delete;
    virtual ~maker() = default;
    virtual pooled* make() = 0;
  };
  template <class F>
  struct maker_of final : maker {
    F f;
    explicit maker_of(F&& from) : f(std::move(from)) {}
    pooled* make() override { return new pooled(f); }
  };

 public:
  /// A resource, on loan while this lives. Its destructor gives it back and never parks.
  class lease {
   public:
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    lease(lease&& from) noexcept
        : pool_(from.pool_), lent_(std::exchange(from.lent_, nullptr)) {}
    lease& operator=(lease&& from) noexcept {
      lease given_up(std::move(from));
      std::swap(pool_, given_up.pool_);
      std::swap(lent_, given_up.lent_);
      return *this;
    }
    ~lease() {
      if (lent_ == nullptr) return;
      if (broken_) {
        discard();
      } else {
        pool_->give_back(*lent_);
      }
    }

    [[nodiscard]] T& operator*() const noexcept { return lent_->value; }
    [[nodiscard]] T* operator->() const noexcept { return &lent_->value; }
    /// Whether there is one still.
    explicit operator bool() const noexcept { return lent_ != nullptr; }

    /// Destroys the resource: nobody is to have it again. Another may be made in its
    /// place.
    void discard() noexcept {
      if (lent_ == nullptr) return;
      delete std::exchange(lent_, nullptr);
      pool_->forget();
    }

   private:
    friend class resource_pool;
    lease(detail::pool_core& pool, pooled* lent) noexcept : pool_(&pool), lent_(lent) {}

    detail::pool_core* pool_;
    pooled* lent_;
    bool broken_ = false;
  };

  /// @param limit how many there may be at a time.
  /// @param make makes one: `T()`. It runs in the fiber that needs one, may park, and is
  /// called by several fibers at a time.
  template <class F>
  resource_pool(std::size_t limit, F make)
      : core_(limit), make_(new maker_of<F>(std::move(make))) {}
  resource_pool(const resource_pool&) = delete;
  resource_pool& operator=(const resource_pool&) = delete;
  /// Destroys them all; none may be lent.
  ~resource_pool() {
    while (detail::pooled* const p = core_.take_idle())
      delete static_cast<pooled*>(p);
  }

  /// Borrows the one that was given back last, or makes one; parks while all there may be
  /// are lent. @throws what `make` throws; the next in line then tries. Cancellation
  /// point.
  [[nodiscard]] lease acquire(call_site where = call_site::here()) {
    detail::pool_turn turn(core_, where);
    detail::pooled* p = core_.take_idle();
    if (p == nullptr) {
      p = make_->make();
      core_.add();
    }
    turn.keep();
    return lease(core_, static_cast<pooled*>(p));
  }

  /// Calls `f(T&)` with one. If an error leaves `f` the resource is discarded, as nobody
  /// knows what state it is in; if `f` is cancelled it is given back: what must not be
  /// cut in half stands in a shield. @returns what `f` returns. Cancellation point.
  template <class F>
  decltype(auto) use(F&& f, call_site where = call_site::here()) {
    lease one = acquire(where);
    try {
      return detail::invoke(std::forward<F>(f), *one);
    } catch (const cancelled&) {
      throw;
    } catch (...) {
      one.broken_ = true;  // and destroyed in a shield, as all is that unwinds
      throw;
    }
  }

  /// How many there are, idle or lent.
  [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }
  /// How many are not lent.
  [[nodiscard]] std::size_t idle() const noexcept { return core_.idle(); }
  /// How many fibers wait for one.
  [[nodiscard]] std::size_t waiting() const noexcept { return core_.waiting(); }

 private:
  detail::pool_core core_;
  detail::owner<maker> make_;
};

}  // namespace motet
