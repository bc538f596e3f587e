// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A range whose items are fetched one at a time, as it is walked.

#include <motet/detail/range.hpp>

#include <cstddef>
#include <utility>

namespace motet::detail {

/// `Source` has `bool next()`, which fetches an item, and `value()`, which is it. To be
/// walked once.
template <class Source>
class pull_range {
 public:
  class iterator {
   public:
    using value_type = decltype(std::declval<Source&>().value());
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(Source* source) : source_(source) { ++*this; }

    decltype(auto) operator*() const { return source_->value(); }
    iterator& operator++() {
      if (!source_->next()) source_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return i.source_ == nullptr;
    }

   private:
    Source* source_ = nullptr;
  };

  template <class... Args>
  explicit pull_range(Args&&... args) : source_(std::forward<Args>(args)...) {}

  iterator begin() & { return iterator(&source_); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  Source source_;
};

}  // namespace motet::detail
