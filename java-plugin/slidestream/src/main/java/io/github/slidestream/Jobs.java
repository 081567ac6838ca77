package io.github.slidestream;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Runs jobs on daemon threads, which end by themselves when they are not needed. */
final class Jobs {
    private static final ExecutorService PUMPS = pool("slidestream-job-");
    private static final ExecutorService READERS = pool("slidestream-pixels-");

    private Jobs() {}

    private static ExecutorService pool(String name) {
        AtomicInteger number = new AtomicInteger();
        return new ThreadPoolExecutor(0, Integer.MAX_VALUE, 5, TimeUnit.SECONDS, new SynchronousQueue<>(), work -> {
            Thread thread = new Thread(null, work, name + number.incrementAndGet(), 0, false);
            thread.setDaemon(true);
            // Threads outlive the call that made them and must not keep a plugin's class loader alive by their context.
            thread.setContextClassLoader(Jobs.class.getClassLoader());
            return thread;
        });
    }

    /** The job's answer, or its failure as the future's. */
    static CompletableFuture<Map<String, Object>> begin(
            Engine engine, Object order, PixelSource pixels, RunListener listener, CancelToken cancel) {
        String text = Json.write(order);
        CompletableFuture<Map<String, Object>> future = new CompletableFuture<>();
        PUMPS.execute(() -> {
            try {
                future.complete(pump(engine, text, pixels, listener, cancel));
            } catch (Throwable error) {
                future.completeExceptionally(error);
            }
        });
        return future;
    }

    /** Waits for the job on behalf of the caller's thread, whose interruption stops the job. */
    static <T> T await(CompletableFuture<T> future, CancelToken cancel) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return future.get();
                } catch (InterruptedException interruption) {
                    interrupted = true;
                    cancel.cancel();
                } catch (ExecutionException error) {
                    throw rethrown(error.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static RuntimeException rethrown(Throwable cause) {
        if (cause instanceof CompletionException wrapper && wrapper.getCause() != null) {
            return rethrown(wrapper.getCause());
        }
        if (cause instanceof Error error) {
            throw error;
        }
        if (cause instanceof RuntimeException exception) {
            // It was made on another thread: show where it was asked for as well.
            StackTraceElement[] asked = new Throwable().getStackTrace();
            exception.addSuppressed(new Asked(asked));
            return exception;
        }
        return new IllegalStateException(cause);
    }

    /** The stack of the thread that waited. */
    private static final class Asked extends Exception {
        private static final long serialVersionUID = 1L;

        Asked(StackTraceElement[] stack) {
            super("the job was waited for here", null, false, true);
            setStackTrace(stack);
        }
    }

    static Map<String, Object> ask(Engine engine, Object order) {
        CancelToken cancel = new CancelToken();
        return await(begin(engine, order, null, RunListener.NONE, cancel), cancel);
    }

    private static Map<String, Object> pump(
            Engine engine, String order, PixelSource pixels, RunListener listener, CancelToken cancel) {
        if (cancel.isCancelled()) {
            throw new StoppedException("stopped on request");
        }
        long job = Native.beginJob(engine.handle(), order);
        Runnable stop = () -> Native.cancelJob(job);
        try {
            cancel.onCancel(stop);
            String ending = Native.pump(job, new Adapter(job, pixels, listener));
            return Json.object(Json.parse(ending));
        } finally {
            cancel.forget(stop);
            Native.closeJob(job);
        }
    }

    /** From the engine's events to the user's listener and pixel source. */
    private record Adapter(long job, PixelSource source, RunListener listener, ConcurrentLinkedQueue<ByteBuffer> buffers)
            implements JobListener {
        Adapter(long job, PixelSource source, RunListener listener) {
            this(job, source, listener, new ConcurrentLinkedQueue<>());
        }

        @Override
        public void note(String text) {
            listener.note(text);
        }

        @Override
        public void progress(long done, long total, double perSecond, double secondsLeft, String text) {
            listener.progress(new Progress(done, total, perSecond, secondsLeft, text));
        }

        @Override
        public void objects(ByteBuffer packed) {
            listener.objects(new ObjectBatch(packed));
        }

        @Override
        public void pixels(int slot, int level, int x, int y, int width, int height) {
            // The engine asks for a few regions at once and sets the bound itself.
            READERS.execute(() -> read(slot, level, x, y, width, height));
        }

        private void read(int slot, int level, int x, int y, int width, int height) {
            try {
                int bytes = Math.multiplyExact(3, Math.multiplyExact(width, height));
                ByteBuffer buffer = buffers.poll();
                if (buffer == null || buffer.capacity() < bytes) {
                    buffer = ByteBuffer.allocateDirect(bytes);
                }
                buffer.clear().limit(bytes);
                try {
                    source.read(level, x, y, width, height, buffer);
                } catch (IOException | RuntimeException error) {
                    Native.refuse(job, slot, String.valueOf(error.getMessage() == null ? error : error.getMessage()));
                    return;
                }
                Native.answer(job, slot, level, x, y, width, height, buffer);
                buffers.add(buffer);
            } catch (EngineException | IllegalStateException gone) {
                // The engine died or the job was closed meanwhile: the pump reports it.
            } catch (Throwable error) {
                try {
                    Native.refuse(job, slot, error.toString());
                } catch (RuntimeException gone) {
                    // As above.
                }
            }
        }
    }
}
