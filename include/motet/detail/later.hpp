// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What keeps a template from costs that it has before anybody calls it.

namespace motet::detail {

template <class T, class... Known>
struct later_type {
  using type = T;
};

/// `T`, but only once `Known` are known. A compiler instantiates at once what a template
/// names without its parameters, as a std::vector of ours, in every source that includes
/// the header.
template <class T, class... Known>
using later = typename later_type<T, Known...>::type;

}  // namespace motet::detail
