// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>
#include <motet/outcome.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <typeinfo>
#include <utility>

#include <cxxabi.h>

namespace motet {

timeout_error::timeout_error(motet::duration after, call_site where)
    : std::system_error(std::make_error_code(std::errc::timed_out),
                        std::string("the block at ") + where.file + ":" +
                            std::to_string(where.line) + " took longer than its " +
                            detail::describe_span(after)),
      after_(after) {}

timeout_error::timeout_error(const std::string& what)
    : std::system_error(std::make_error_code(std::errc::timed_out), what) {}

fiber_stopped::fiber_stopped(cancel_reason why)
    : std::runtime_error("the fiber was stopped: " + to_string(why)),
      why_(std::move(why)) {}

fiber_stopped::fiber_stopped(const fiber_stopped& other) = default;
fiber_stopped& fiber_stopped::operator=(const fiber_stopped& other) = default;
fiber_stopped::~fiber_stopped() = default;

cause::cause() noexcept = default;
cause::cause(std::vector<cancel_reason> requests, std::vector<std::exception_ptr> errors)
    : requests_(std::move(requests)), errors_(std::move(errors)) {}
cause::cause(const cause& other) = default;
cause::cause(cause&& other) noexcept = default;
cause& cause::operator=(const cause& other) = default;
cause& cause::operator=(cause&& other) noexcept = default;
cause::~cause() = default;

bool cause::empty() const noexcept {
  return requests_.empty() && errors_.empty();
}

bool cause::any(bool (*is)(const std::exception_ptr&)) const {
  return std::any_of(errors_.begin(), errors_.end(), is);
}

bool ending::cancel_requested() const noexcept {
  return !cause_.requests().empty();
}

namespace {

std::string text_of(const detail::error_list& errors, std::size_t dropped) {
  std::string text = std::to_string(errors.size() + dropped) + " errors";
  const char* separator = ": ";
  for (const std::exception_ptr& error : errors) {
    text += separator + describe(error);
    separator = "; ";
  }
  return text;
}

}  // namespace

exception_group::exception_group(std::vector<std::exception_ptr> errors,
                                 std::size_t dropped)
    : exception_group(dropped, detail::error_list(errors.begin(), errors.end())) {}

exception_group::exception_group(std::size_t dropped, detail::error_list errors) noexcept
    // NOLINTNEXTLINE(bugprone-throw-keyword-missing): a member, not a lost exception
    : errors_(std::move(errors)), dropped_(dropped) {
  try {
    const std::string text = text_of(errors_, dropped_);
    what_.assign(text.begin(), text.end());
  } catch (const std::bad_alloc&) {
    what_ = "several errors";  // who catches it can look at them
  }
}

exception_group::exception_group(const exception_group& other) = default;
exception_group& exception_group::operator=(const exception_group& other) = default;
exception_group::~exception_group() = default;

std::span<const std::exception_ptr> exception_group::errors() const noexcept {
  return errors_;
}

const char* exception_group::what() const noexcept {
  return what_.c_str();
}

std::string describe(const std::exception_ptr& error) {
  if (!error) return "no error";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text;
  } catch (...) {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an exception of unknown type";
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
    return std::string("an exception of type ") + (name ? name.get() : type->name());
  }
}

namespace detail {

std::string describe_if_possible(const std::exception_ptr& error) noexcept {
  try {
    return describe(error);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::string describe_span(duration span) {
  struct unit {
    std::int64_t ns;
    const char* name;
  };
  constexpr unit units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}};
  const std::int64_t ns = span.count();
  for (const unit& u : units) {
    if (ns % u.ns == 0) return std::to_string(ns / u.ns) + u.name;
  }
  return std::to_string(ns) + " ns";
}

exception_group make_group(error_list errors, std::size_t dropped) noexcept {
  return {dropped, std::move(errors)};
}

std::exception_ptr aggregate(error_list errors, std::size_t dropped) {
  error_list distinct;
  for (std::exception_ptr& error : errors) {
    if (std::find(distinct.begin(), distinct.end(), error) != distinct.end()) continue;
    if (distinct.size() < exception_group::capacity) {
      distinct.push_back(std::move(error));
    } else {
      ++dropped;
    }
  }
  if (distinct.empty()) return nullptr;
  if (distinct.size() == 1 && dropped == 0) return distinct.front();
  return std::make_exception_ptr(make_group(std::move(distinct), dropped));
}

namespace {

/// The object an exception_ptr points to: it is its only member (Itanium C++ ABI,
/// libstdc++ and libc++ alike).
const void* object_of(const std::exception_ptr& error) noexcept {
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  const void* object = nullptr;
  std::copy_n(reinterpret_cast<const char*>(&error), sizeof object,
              reinterpret_cast<char*>(&object));
  return object;
}

const known_error* find_known(const void* object) noexcept {
  if (this_scheduler == nullptr) return nullptr;
  const fiber_state& self = this_scheduler->running();
  if (!self.extras) return nullptr;
  const auto& known = self.extras->known;
  for (auto i = known.rbegin(); i != known.rend(); ++i) {
    if (object_of(i->error) == object) return &*i;
  }
  return nullptr;
}

/// A request to the fiber `asked`, and those that came later.
std::vector<cancel_reason> requests_from(const request_record* first,
                                         const fiber_handle& asked) {
  std::vector<cancel_reason> all;
  for (const request_record* r = first; r != nullptr; r = r->later) {
    all.push_back(r->why);
    if (r->by_itself) all.back().source = fiber_ref(asked);
  }
  return all;
}

}  // namespace

fiber_ref source_of_object(const void* object) noexcept {
  const known_error* const known = find_known(object);
  return known == nullptr ? fiber_ref{} : fiber_ref(known->source);
}

cause cause_of_object(const void* object) {
  const known_error* const known = find_known(object);
  if (known == nullptr) return {};
  return {requests_from(known->why, {}),
          {known->suppressed.begin(), known->suppressed.end()}};
}

}  // namespace detail

const cancel_reason& cause::reason() const {
  if (requests_.empty()) {
    throw structure_error("nobody asked for this end: there is no reason");
  }
  return requests_.front();
}

ending::ending(const detail::fiber_handle& fiber) noexcept {
  if (fiber.get() == nullptr) return;
  const detail::fiber_state& state = *fiber.get();
  error_ = state.error;
  stopped_ = state.stopped;
  std::vector<std::exception_ptr> suppressed;
  try {
    if (state.extras) {
      const auto& kept = state.extras->suppressed;
      suppressed.assign(kept.begin(), kept.end());
    }
    cause_ =
        motet::cause(detail::requests_from(state.reason, fiber), std::move(suppressed));
  } catch (const std::bad_alloc&) {  // how it ended is known, if not all that led there
  }
}

}  // namespace motet
