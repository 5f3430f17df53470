#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hotcell_gate::fuzz::addresses(data);
});
