package io.github.slidestream;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;
import java.util.function.BiFunction;

/** A job's objects for subscribers that set the pace: the job's thread waits until the next batch is asked for. */
final class BatchPublisher implements Flow.Publisher<ObjectBatch> {
    private final BiFunction<RunListener, CancelToken, CompletableFuture<SegmentationResult>> job;

    BatchPublisher(BiFunction<RunListener, CancelToken, CompletableFuture<SegmentationResult>> job) {
        this.job = job;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super ObjectBatch> subscriber) {
        Objects objects = new Objects(subscriber);
        subscriber.onSubscribe(objects);
        objects.start();
    }

    private final class Objects implements Flow.Subscription, RunListener {
        private final Flow.Subscriber<? super ObjectBatch> subscriber;
        private final CancelToken cancel = new CancelToken();
        private long asked;
        private boolean ended;
        private Throwable misuse;

        Objects(Flow.Subscriber<? super ObjectBatch> subscriber) {
            this.subscriber = subscriber;
        }

        void start() {
            CompletableFuture<SegmentationResult> future;
            try {
                future = job.apply(this, cancel);
            } catch (RuntimeException error) {
                end(error);
                return;
            }
            future.whenComplete((result, error) -> end(error));
        }

        private void end(Throwable error) {
            Throwable cause;
            synchronized (this) {
                if (ended) {
                    return;
                }
                ended = true;
                cause = misuse != null ? misuse : error;
            }
            if (cause instanceof CompletionException wrapper && wrapper.getCause() != null) {
                cause = wrapper.getCause();
            }
            if (cause == null) {
                subscriber.onComplete();
            } else {
                subscriber.onError(cause);
            }
        }

        @Override
        public synchronized void request(long count) {
            if (count <= 0) {
                misuse = new IllegalArgumentException("a subscriber asked for " + count + " batches; it must be 1 or more");
                cancel.cancel();
            } else {
                asked = asked + count < 0 ? Long.MAX_VALUE : asked + count;
            }
            notifyAll();
        }

        @Override
        public void cancel() {
            synchronized (this) {
                ended = true;
                notifyAll();
            }
            cancel.cancel();
        }

        @Override
        public void objects(ObjectBatch batch) {
            synchronized (this) {
                try {
                    while (asked == 0 && !ended && misuse == null) {
                        wait();
                    }
                } catch (InterruptedException interruption) {
                    throw new StoppedException("the thread of the job was interrupted");
                }
                if (ended || misuse != null) {
                    return;
                }
                asked--;
            }
            subscriber.onNext(batch);
        }
    }
}
