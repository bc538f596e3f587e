// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is asked of ranges, without <ranges> and its views. The concepts of iterators are
/// part of every <span>, as std::begin is.

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace motet::detail {

template <class Range>
using iterator_of = decltype(std::begin(std::declval<Range&>()));
/// What its iterator gives: often a reference.
template <class Range>
using element_of = std::iter_reference_t<iterator_of<Range>>;
template <class Range>
using value_of = std::iter_value_t<iterator_of<Range>>;

template <class Range>
concept walkable = std::input_iterator<iterator_of<Range>> && requires(Range& range) {
  std::end(range);
};
/// One that can be walked again.
template <class Range>
concept rewalkable = walkable<Range> && std::forward_iterator<iterator_of<Range>>;

template <class Range>
std::size_t length_of(Range& range) {
  std::size_t length = 0;
  const auto end = std::end(range);
  for (auto each = std::begin(range); each != end; ++each)
    ++length;
  return length;
}

}  // namespace motet::detail
