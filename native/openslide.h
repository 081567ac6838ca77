/* Declarations of the OpenSlide 4 functions that the openslide-sys bindings need.
 *
 * The openslide-bin wheel ships the library without its header. This one includes nothing, so that the
 * libclang wheel, which has no compiler headers of its own, can read it; bindgen maps the fixed-width
 * names to Rust's own types. LP64 platforms only. */
#ifndef SLIDESTREAM_OPENSLIDE_H
#define SLIDESTREAM_OPENSLIDE_H

typedef unsigned char uint8_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef long int64_t;
typedef unsigned long size_t;

typedef struct _openslide openslide_t;
typedef struct _openslide_cache openslide_cache_t;

const char *openslide_get_version(void);
const char *openslide_detect_vendor(const char *filename);

openslide_t *openslide_open(const char *filename);
void openslide_close(openslide_t *slide);
const char *openslide_get_error(openslide_t *slide);

int32_t openslide_get_level_count(openslide_t *slide);
void openslide_get_level0_dimensions(openslide_t *slide, int64_t *w, int64_t *h);
void openslide_get_level_dimensions(openslide_t *slide, int32_t level, int64_t *w, int64_t *h);
double openslide_get_level_downsample(openslide_t *slide, int32_t level);
int32_t openslide_get_best_level_for_downsample(openslide_t *slide, double downsample);

/* x, y: level-0 pixels. w, h: pixels of `level`. dest: w * h premultiplied ARGB words. */
void openslide_read_region(openslide_t *slide, uint32_t *dest, int64_t x, int64_t y, int32_t level, int64_t w, int64_t h);
int64_t openslide_get_icc_profile_size(openslide_t *slide);
void openslide_read_icc_profile(openslide_t *slide, void *dest);

const char *const *openslide_get_property_names(openslide_t *slide);
const char *openslide_get_property_value(openslide_t *slide, const char *name);

const char *const *openslide_get_associated_image_names(openslide_t *slide);
void openslide_get_associated_image_dimensions(openslide_t *slide, const char *name, int64_t *w, int64_t *h);
void openslide_read_associated_image(openslide_t *slide, const char *name, uint32_t *dest);
int64_t openslide_get_associated_image_icc_profile_size(openslide_t *slide, const char *name);
void openslide_read_associated_image_icc_profile(openslide_t *slide, const char *name, void *dest);

openslide_cache_t *openslide_cache_create(size_t capacity_in_bytes);
void openslide_set_cache(openslide_t *slide, openslide_cache_t *cache);
void openslide_cache_release(openslide_cache_t *cache);

#endif
