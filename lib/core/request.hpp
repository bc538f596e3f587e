// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A request to stop, shared by the scope it is latched on and the exceptions it becomes.

#include <motet/cancel.hpp>
#include <motet/detail/sure_allocator.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace motet::detail {

struct request_record {
  std::atomic<unsigned> references{1};
  cancel_reason why;
  request_record* later = nullptr;  ///< Requests that came second, in their order.
  /// The fiber asked itself. Its outcome says so without a handle, which would keep the
  /// fiber alive for ever.
  bool by_itself = false;

  explicit request_record(cancel_reason reason) noexcept : why(std::move(reason)) {}

  // Deadlines and ends that are due cannot wait for memory.
  static void* operator new(std::size_t size) { return allocate_surely(size); }
  static void operator delete(void* block) noexcept { free_surely(block); }
};

inline void add_reference(request_record& record) noexcept {
  record.references.fetch_add(1, std::memory_order_relaxed);
}

/// Counts one reference less. Without any, the record goes.
void drop_record(request_record& record) noexcept;
inline void drop_reference(request_record* record) noexcept {
  if (record != nullptr) [[unlikely]] {
    drop_record(*record);
  }
}

struct record_deleter {
  void operator()(request_record* record) const noexcept { drop_reference(record); }
};
/// A request on its way.
using record_ptr = std::unique_ptr<request_record, record_deleter>;

/// Who asks, why, from where: filled in with the fiber that runs and the time. Without
/// memory, it lacks the words.
[[nodiscard]] request_record* make_request(cancel_kind kind, std::string_view why,
                                           call_site where) noexcept;

}  // namespace motet::detail
