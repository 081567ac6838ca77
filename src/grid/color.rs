//! What the mean colour of a cell says by itself.

/// A colour in the terms that glass, ink and stain differ in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Color {
    /// Largest of red, green and blue.
    pub brightest: u8,
    /// Smallest of red, green and blue.
    pub darkest: u8,
    rgb: [u8; 3],
}

impl Color {
    pub fn new(rgb: [u8; 3]) -> Self {
        let [r, g, b] = rgb;
        Self { brightest: r.max(g).max(b), darkest: r.min(g).min(b), rgb }
    }

    /// Red, green, blue.
    pub fn rgb(self) -> [u8; 3] {
        self.rgb
    }

    /// Distance from grey, 0 to 255.
    pub fn chroma(self) -> u8 {
        self.brightest - self.darkest
    }

    /// Of HSV, 0 to 1.
    pub fn saturation(self) -> f32 {
        f32::from(self.chroma()) / f32::from(self.brightest.max(1))
    }

    /// Of HSV, degrees from 0 (red) to 360; 0 for grey.
    pub fn hue(self) -> f32 {
        let chroma = f32::from(self.chroma());
        if chroma == 0.0 {
            return 0.0;
        }
        let [r, g, b] = self.rgb.map(f32::from);
        let sextant = match self.brightest {
            top if top == self.rgb[0] => ((g - b) / chroma).rem_euclid(6.0),
            top if top == self.rgb[1] => (b - r) / chroma + 2.0,
            _ => (r - g) / chroma + 4.0,
        };
        sextant * 60.0
    }

    /// Optical density of the mean of the channels against white.
    pub fn density(self) -> f32 {
        let mean = self.rgb.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0;
        (255.0 / mean.max(1.0)).log10()
    }

    /// Could this be bare glass? Light and grey, or with the yellow tint of a lamp; stain is never yellow and so light.
    pub fn is_like_glass(self) -> bool {
        let tint = if self.rgb[2] == self.darkest { 40 } else { 14 };
        self.darkest >= 180 && self.chroma() <= tint
    }

    /// Is this as white as a scanner paints what it did not scan?
    pub fn is_white(self) -> bool {
        self.darkest >= 254
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hue_and_saturation_are_those_of_hsv() {
        let hue = |rgb| Color::new(rgb).hue();
        assert_eq!(
            [hue([255, 0, 0]), hue([0, 255, 0]), hue([0, 0, 255]), hue([255, 0, 255])],
            [0.0, 120.0, 240.0, 300.0]
        );
        assert_eq!((hue([9, 9, 9]), Color::new([200, 100, 150]).saturation()), (0.0, 0.5));
    }

    #[test]
    fn pale_eosin_is_not_like_glass_and_a_yellow_lamp_is() {
        assert!(Color::new([235, 230, 205]).is_like_glass() && Color::new([240, 241, 243]).is_like_glass());
        assert!(!Color::new([243, 225, 233]).is_like_glass() && !Color::new([150; 3]).is_like_glass());
    }
}
