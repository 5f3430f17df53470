//! The code that the attribute becomes.

use proc_macro_crate::FoundCrate;
use proc_macro_crate::crate_name;
use proc_macro2::Ident;
use proc_macro2::Literal;
use proc_macro2::Span;
use proc_macro2::TokenStream;
use quote::ToTokens as _;
use quote::format_ident;
use quote::quote;
use quote::quote_spanned;
use syn::Item;
use syn::ItemMod;
use syn::parse_quote;

use crate::actions;
use crate::attributes::Arguments;
use crate::convert::Maker;
use crate::convert::Way;
use crate::model::Action;
use crate::model::Tool;
use crate::module;
use crate::wit;

/// What stands in place of the attribute and its item.
pub(crate) fn made(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut module = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Mod(module)) => module,
        Ok(other) => {
            let what = "`tool` stands on a module, each `pub fn` of which becomes an action: `mod tool { … }`";
            let error = syn::Error::new_spanned(&other, what).into_compile_error();
            return quote!(#error #other);
        }
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let (arguments, wrong) = match syn::parse2::<Arguments>(arguments) {
        Ok(arguments) => (arguments, None),
        Err(error) => (Arguments::default(), Some(error)),
    };
    let sdk = sdk();
    let (tool, mut mistakes) = module::read(arguments, &mut module, sdk.clone());
    wrong.into_iter().for_each(|error| mistakes.push(error));
    let section = tool.as_ref().map(actions::section);
    if let Some(Err(why)) = &section {
        mistakes.add(module.ident.span(), why.clone());
    }
    surround(&mut module, &sdk);
    match (mistakes.into_code(), tool, section) {
        (None, Some(tool), Some(Ok(section))) => {
            let hidden = hidden(&tool, &section, &sdk);
            if let Some((_, items)) = &mut module.content {
                items.push(Item::Verbatim(hidden));
            }
            module.into_token_stream()
        }
        (errors, ..) => quote!(#errors #module),
    }
}

/// The SDK, under the name that the author's Cargo.toml gives it.
fn sdk() -> TokenStream {
    let name = match crate_name("hotcell-sdk") {
        Ok(FoundCrate::Name(name)) => Ident::new(&name, Span::call_site()),
        Ok(FoundCrate::Itself) | Err(_) => format_ident!("hotcell_sdk"),
    };
    quote!(::#name)
}

/// Brings `Result` and `Problem` into the module, where it does not name others. Its functions must be `pub` in a private module,
/// and have as many parameters as callers need.
fn surround(module: &mut ItemMod, sdk: &TokenStream) {
    module.attrs.push(
        parse_quote!(#[allow(unreachable_pub, clippy::too_many_arguments, reason = "each `pub fn` is an action")]),
    );
    if let Some((_, items)) = &mut module.content {
        items.insert(
            0,
            parse_quote! {
                #[allow(unused_imports)]
                use #sdk::prelude::*;
            },
        );
    }
}

/// The generated module.
fn hidden(tool: &Tool, section: &str, sdk: &TokenStream) -> TokenStream {
    let generated = match &tool.interface {
        None => quote!(wit),
        Some(interface) => {
            let interface = interface.snake();
            quote!(wit::exports::#interface)
        }
    };
    let maker = Maker { tool, generated: generated.clone() };
    let (functions, turns) = (tool.actions.iter().map(|action| function(action, &maker)), maker.turns());
    let (wit, runtime) = (wit::world(tool), format!("{sdk}::__private::wit_bindgen::rt").replace(' ', ""));
    let prefix = if tool.interface.is_none() { BARE } else { "" };
    let after = tool.actions.iter().filter_map(|action| after(tool, action));
    let (section, length) = (Literal::byte_string(section.as_bytes()), section.len());
    quote! {
        #[doc(hidden)]
        #[allow(
            warnings, missing_docs, unreachable_pub, unsafe_code, unused, unused_qualifications,
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction,
        )]
        mod __hotcell {
            mod wit {
                #sdk::__private::wit_bindgen::generate!({ inline: #wit, path: [], runtime_path: #runtime, export_prefix: #prefix });
            }

            // `hotcell build` reads it, puts it into the manifest and takes it out.
            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = "hotcell:actions")]
            static ACTIONS: [u8; #length] = *#section;

            struct Tool;

            impl #generated::Guest for Tool {
                #(#functions)*
            }

            wit::export!(Tool with_types_in wit);

            #(#after)*

            #turns
        }
    }
}

/// What core exports of bare functions are called by (Component Model, "canonical names of core modules"; wasip2's linkers
/// know them). wit-bindgen's own older names are the bare ones, and then an action `read` would be found by the C library in
/// place of its own `read`, and `memory` could not exist.
const BARE: &str = "cm32p2||";

/// The core export that frees what an action returned. wit-bindgen would give it its older name.
fn after(tool: &Tool, action: &Action) -> Option<TokenStream> {
    let owns = action.result.as_ref().is_some_and(|typed| tool.owns(&typed.kind));
    if tool.interface.is_some() || !owns {
        return None;
    }
    let name = format!("{BARE}{}_post", action.name.as_str());
    let snake = action.name.plain_snake();
    let (function, free) = (format_ident!("after_{snake}"), format_ident!("__post_return_{snake}"));
    Some(quote! {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = #name)]
        unsafe extern "C" fn #function(returned: *mut u8) {
            unsafe { wit::#free::<Tool>(returned) }
        }
    })
}

fn function(action: &Action, maker: &Maker<'_>) -> TokenStream {
    // The author's function is called where it stands: what does not fit is shown there.
    let (name, ident) = (action.name.snake(), &action.ident);
    let names: Vec<_> =
        (0..action.parameters.len()).map(|index| format_ident!("v{}", index, span = Span::mixed_site())).collect();
    let types = action.parameters.iter().map(|field| maker.generated_type(&field.typed.kind));
    let values = action
        .parameters
        .iter()
        .zip(&names)
        .map(|(field, name)| maker.turned(&quote!(#name), &field.typed.kind, Way::In, field.typed.span));
    let span = ident.span().resolved_at(Span::mixed_site());
    let called = quote_spanned!(span=> super::#ident(#(#values),*));
    let body = match &action.result {
        None => quote!(#called),
        Some(typed) => maker.turned(&called, &typed.kind, Way::Out, typed.span),
    };
    let result = action.result.as_ref().map(|typed| {
        let kind = maker.generated_type(&typed.kind);
        quote!(-> #kind)
    });
    quote!(fn #name(#(#names: #types),*) #result { #body })
}

#[cfg(test)]
#[path = "../golden/tests.rs"]
mod tests;
