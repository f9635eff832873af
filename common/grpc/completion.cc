#include "common/grpc/completion.h"

namespace linjuli {

PollingThreads::PollingThreads(grpc::CompletionQueue* queue, int count) : queue_(queue) {
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([queue] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<Event*>(tag)->Proceed(ok);
    });
  }
}

PollingThreads::~PollingThreads() {
  queue_->Shutdown();
  for (auto& thread : threads_) thread.join();
}

}  // namespace linjuli
