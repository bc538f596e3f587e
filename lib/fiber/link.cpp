// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/error.hpp>
#include <motet/link.hpp>

#include <algorithm>

namespace motet {

namespace detail {

namespace {

/// What came of a link.
struct link_result {
  bool asked = false;       ///< The linker was asked to end.
  bool takes_over = false;  ///< It will end with the error.
};

/// `linker` is to end with the error that `failed` has ended with.
link_result fail_together(fiber_state& linker, const fiber_handle& failed,
                          call_site where) {
  if (linker.phase == fiber_phase::ended || linker.ending) return {};
  const bool first = linker.asked <= disposition::restart;
  if (first) {
    linker.more().cancel_error = failed.get()->error;
    introduce_error(linker, failed);
  }
  request_record* const why =
      make_request(cancel_kind::cancel, describe_if_possible(failed.get()->error), where);
  why->why.source = fiber_ref(failed);
  return {.asked = ask(linker, disposition::cancel, why), .takes_over = first};
}

}  // namespace

bool fail_linked(fiber_state& self) {
  if (!self.extras || !self.error) return false;
  bool taken_over = false;
  for (const link_to& link : self.extras->links) {
    const link_result how =
        fail_together(*link.linker.get(), fiber_handle(&self), link.where);
    taken_over = taken_over || how.takes_over;
  }
  return taken_over;
}

}  // namespace detail

bool link(const fiber_ref& fiber, call_site where) {
  detail::fiber_state& self = detail::here("link").running();
  detail::fiber_state* const target = fiber.get();
  if (target == nullptr || target == &self) return false;
  if (!detail::is_local(*target)) {
    throw structure_error("link to a fiber of another thread");
  }
  if (target->phase == fiber_phase::ended) {
    if (!target->error) return false;
    const auto how = detail::fail_together(self, fiber.state_handle(), where);
    if (how.takes_over) detail::withdraw_edge(self, *target);
    return how.asked;
  }
  auto& links = target->more().links;
  const bool known =
      std::any_of(links.begin(), links.end(),
                  [&](const detail::link_to& l) { return l.linker.get() == &self; });
  if (!known) links.push_back({detail::fiber_handle(&self), where});
  return !known;
}

}  // namespace motet
