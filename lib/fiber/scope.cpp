// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/finalize.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/run_in.hpp"

#include <motet/cancel_on.hpp>
#include <motet/finally.hpp>
#include <motet/scope.hpp>

#include <algorithm>
#include <stop_token>
#include <utility>

namespace motet {

using detail::cancel_scope;
using detail::fiber_state;

scope::scope(scope_options options) : options_(options) {
  detail::scheduler& s = detail::here("with_scope");
  id_ = s.next_id();
  child_ended = &hear_of_child;
  detail::open_scope(s, *this);
}

void scope::check_thread(const char* what) const {
  if (detail::is_local(*fiber)) return;
  throw structure_error(std::string(what) + " a scope of another thread");
}

cancel_scope* scope::open_node() {
  check_thread("spin into");
  if (closed_)
    throw structure_error("spin into a scope that has been left, or is about to be");
  return this;
}

bool scope::cancel(std::string_view why, call_site where) {
  check_thread("cancel");
  return cancel_as(cancel_kind::scope, why, where);
}

bool scope::cancel_as(cancel_kind kind, std::string_view why, call_site where) {
  if (closed_) return false;
  return detail::latch(*this, detail::make_request(kind, why, where));
}

void scope::fail(std::exception_ptr error) {
  check_thread("fail");
  if (closed_ || !error) return;
  keep(std::move(error));
  if (request == nullptr) {
    detail::latch(*this, detail::make_request(
                             cancel_kind::failure,
                             detail::describe_if_possible(errors_.back()), call_site{}));
  }
}

void scope::keep(std::exception_ptr error) {
  if (std::find(errors_.begin(), errors_.end(), error) != errors_.end()) return;
  if (errors_.size() < exception_group::capacity) {
    errors_.push_back(std::move(error));
  } else {
    ++dropped_;
  }
}

void scope::hear_of_child(cancel_scope& node, fiber_state& child) noexcept {
  static_cast<scope&>(node).hear_of_end(child);
}

void scope::hear_of_end(fiber_state& child) noexcept {
  if (child.supervised_by != nullptr) return;  // whose business it is
  if (child.error) {
    if (std::exchange(child.starting, false)) return;
    if (options_.errors == error_policy::fail) {
      if (errors_.empty()) source_ = detail::fiber_handle(&child);
      fail(child.error);
    } else if (!child.observed) {
      detail::report_unhandled(child, child.error);
    }
  } else if (child.stopped && child.asked == detail::disposition::none) {
    cut_short_ = true;
  }
}

std::size_t scope::size() const noexcept {
  return living + daemons;
}

void scope::add_finalizer(detail::owner<detail::finalizer> last) {
  check_thread("on_exit of");
  if (closed_) {
    shield([&] { last->run(); }, last->where);
    throw structure_error("on_exit of a scope that is being left: called at once");
  }
  last->earlier = std::exchange(finalizers_, nullptr);
  finalizers_ = std::move(last);
}

void scope::finalize() {
  while (const auto last = std::exchange(finalizers_, nullptr)) {
    finalizers_ = std::move(last->earlier);
    detail::finalize([&] { last->run(); }, last->where);
  }
}

scope_ref scope::ref() const {
  return scope_ref(fiber_ref(detail::fiber_handle(fiber)), id_);
}

void scope::run(detail::function_ref<void(scope&)> body, bool has_result) {
  std::exception_ptr unwound;
  try {
    body(*this);
    detail::look_for_swallowed(*detail::this_scheduler, this);
  } catch (const cancelled&) {
    unwound = std::current_exception();
  } catch (...) {
    body_failed(std::current_exception());
    detail::fiber_state& self = detail::this_scheduler->running();
    if (detail::has_finalizer_errors(self)) {
      detail::add_cause(self, std::current_exception(),
                        detail::take_finalizer_errors(self, *this));
    }
  }
  finish(std::move(unwound), has_result);
}

/// The body's error comes first, even if children failed while it was unwinding.
void scope::body_failed(const std::exception_ptr& error) {
  const bool first = std::find(errors_.begin(), errors_.end(), error) == errors_.end();
  fail(error);
  if (first && errors_.size() > 1) {
    std::rotate(errors_.begin(), errors_.end() - 1, errors_.end());
  }
}

void scope::finish(std::exception_ptr unwound, bool has_result) {
  detail::scheduler& s = *detail::this_scheduler;
  fiber_state& self = s.running();
  while (std::exception_ptr raised = detail::join_or_raised(s, *this)) {
    body_failed(raised);
  }
  closed_ = true;
  finalize();
  for (std::exception_ptr& error : detail::take_finalizer_errors(self, *this))
    keep(std::move(error));
  const bool cancelled_here = request != nullptr;
  cancel_scope* const outside = detail::find_cancelled_outside(self, *this);
  std::exception_ptr no_result;
  if (unwound && cancelled_here && outside == nullptr && has_result && errors_.empty()) {
    no_result = std::make_exception_ptr(cancel_error(request->why.message));
    detail::add_reference(*request);
    detail::remember_error(self, {.error = no_result, .why = request});
  }
  detail::close_scope(self, *this);
  if (!errors_.empty()) throw_errors(self);
  if (unwound) {
    if (outside != nullptr || !cancelled_here) std::rethrow_exception(std::move(unwound));
    if (no_result) std::rethrow_exception(std::move(no_result));
    return;
  }
  if (cut_short_ && !cancelled_here && outside != nullptr) {
    self.throw_cancelled(*outside->request, {});
  }
}

void scope::throw_errors(fiber_state& self) {
  self.thrown = nullptr;  // what the body was left by stands behind the errors now
  const bool single = errors_.size() == 1 && dropped_ == 0;
  std::exception_ptr error = detail::aggregate(std::move(errors_), dropped_);
  if (single && source_.get() != nullptr && source_.get()->error == error) {
    detail::introduce_error(self, source_);
  }
  std::rethrow_exception(std::move(error));
}

scope* scope::find(const fiber_ref& where, std::uint64_t id) noexcept {
  if (where.done()) return nullptr;
  fiber_state* const fiber = where.get();
  for (cancel_scope* s = fiber->chain.innermost; s != nullptr && s->fiber == fiber;
       s = s->parent) {
    if (s->child_ended != &hear_of_child) continue;  // a node of another kind
    auto* const candidate = static_cast<scope*>(s);
    if (candidate->id_ == id) return candidate;
  }
  return nullptr;
}

bool scope_ref::cancel(std::string_view why, call_site where) const {
  return cancel_as(cancel_kind::scope, why, where);
}

bool scope_ref::cancel_as(cancel_kind kind, std::string_view why, call_site where) const {
  if (!fiber_) return false;
  return detail::on_owner(*fiber_.get(), [kind, where, id = id_, owner = fiber_,
                                          text = std::string(why)](fiber_state&) {
    scope* const open = scope::find(owner, id);
    return open != nullptr && open->cancel_as(kind, text, where);
  });
}

namespace detail {

struct token_link::listener {
  struct pass_on {
    scope_ref target;
    call_site where;
    void operator()() const noexcept {
      target.cancel_as(cancel_kind::token, "a stop token was requested", where);
    }
  };
  std::stop_callback<pass_on> callback;
};

token_link::token_link(const token_box& token, scope_ref target, call_site where)
    : listener_(new listener{std::stop_callback<listener::pass_on>(
          std::stop_token(token), listener::pass_on{std::move(target), where})}) {}

token_link::~token_link() = default;

}  // namespace detail

}  // namespace motet
